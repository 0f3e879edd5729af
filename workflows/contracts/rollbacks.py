"""What a rollback asks for beside its undoing."""

from abc import abstractmethod

from temporalio import activity

from workflows.contracts.base import ActivityContract
from workflows.domain.effects import Effect
from workflows.domain.rollbacks import PartWanted, RollbackPart


class RollbackActivities(ActivityContract):
    @activity.defn(name="rollback_part")
    @abstractmethod
    async def rollback_part(self, wanted: PartWanted) -> RollbackPart:
        """A part of the plan, without what has been undone since.

        Fails with `NotFound` where it is gone, and with `Conflict` where others worked on its servers since.
        """

    @activity.defn(name="effects_at")
    @abstractmethod
    async def effects_at(self, positions: list[int]) -> list[Effect]:
        """The effects at these places of the ledger, in this order."""

    @activity.defn(name="forget_rollback_plan")
    @abstractmethod
    async def forget_rollback_plan(self, plan_id: str) -> None:
        """Removes the plan of a rollback that has ended."""
