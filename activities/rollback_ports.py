"""The ports behind which checkpoints, and the plans of rollbacks, are kept."""

from collections.abc import Sequence
from typing import Protocol

from activities.ports import Page
from workflows.domain.rollbacks import Checkpoint, Picture, PlanPart


class CheckpointStore(Protocol):
    """Keeps checkpoints, each with its picture."""

    async def add(self, checkpoint: Checkpoint, picture: Picture) -> Checkpoint:
        """The checkpoint with its size; where there is one of this id already, that one."""

    async def get(self, checkpoint_id: str) -> Checkpoint | None: ...

    async def picture(self, checkpoint_id: str) -> Picture | None:
        """What existed then; None where there is no such checkpoint, or it cannot be read."""

    async def page(self, *, limit: int, offset: int) -> Page[Checkpoint]:
        """Newest first."""


class RollbackStore(Protocol):
    """The plans of rollbacks."""

    async def keep_plan(self, plan_id: str, parts: Sequence[PlanPart]) -> None: ...

    async def plan_part(self, plan_id: str, number: int) -> PlanPart | None:
        """None where there is no such plan, or no longer."""

    async def forget_plan(self, plan_id: str) -> None:
        """Nothing where there is none."""
