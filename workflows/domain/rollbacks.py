"""Checkpoints, and rollbacks as they are planned, carried out and ended."""

from datetime import datetime

from pydantic import Field

from workflows.domain.effects import Effect
from workflows.domain.inventory import InventoryEntry
from workflows.domain.resources import Frozen, Server
from workflows.domain.states import TaskStatus
from workflows.domain.touching import Touch

WORKFLOW_TYPE = "rollback"


class Picture(Frozen):
    """What existed when the ledger ended at `position`: the ledger folded up to there."""

    position: int = Field(ge=0)
    entries: tuple[InventoryEntry, ...]
    """By key; only of resources that existed."""


class Checkpoint(Frozen):
    """A name for a moment. The picture of that moment is kept beside it."""

    id: str
    name: str
    description: str | None = None
    created_at: datetime
    position: int
    """Where the ledger ended."""
    size: int = 0
    """Bytes that the picture takes, as it is stored."""
    requested_by: str


class PlannedUndo(Frozen):
    """A step of a rollback."""

    position: int
    """Place in the ledger of the effect that is to be undone."""
    task_id: str | None
    """The task whose doing is undone; None where an undoing is."""


class PlanPart(Frozen):
    """Some steps that follow each other in a rollback's plan; all earlier ones come before all of them."""

    steps: tuple[PlannedUndo, ...]
    needs: dict[str, tuple[str, ...]] = {}
    """Of the tasks among them: those among them that each needs, and that are therefore undone after it."""
    members: dict[str, str] = {}
    """Of the servers among those touched: the cluster that lives on while its members go back one by one."""


class EffectToUndo(Frozen):
    position: int
    """Its place in the ledger."""
    effect: Effect
    task_id: str | None


class RollbackPart(Frozen):
    """A part of the plan, ready to be carried out."""

    steps: tuple[EffectToUndo, ...]
    needs: dict[str, tuple[str, ...]]
    members: dict[str, str] = {}
    servers: dict[str, Server]
    """The servers among those touched that exist now, by key."""


class PartWanted(Frozen):
    rollback_id: str
    plan_id: str
    planned_at: int
    number: int = Field(ge=0)


class RollbackSpec(Frozen):
    """A rollback that passed the door; its plan is kept in the store, in parts."""

    rollback_id: str
    name: str
    args: tuple[str, ...]
    infra: str = ""
    """Empty where there are several, or none."""
    provider: str = ""
    plan_id: str
    """Where the plan is kept. One that is started twice at once has two plans, and follows one of them."""
    planned_at: int = Field(ge=0)
    """Where the ledger ended then; what others did since on the same servers makes the plan void."""
    steps: int = Field(ge=0)
    parts: int = Field(ge=0)
    touched: tuple[Touch, ...] = ()
    """The servers that it works on, which are locked for it."""
    requested_by: str
    created_at: datetime


class RollbackOutcome(Frozen):
    """How a rollback ended."""

    status: TaskStatus
    undone: int
    failed: int
    seconds: float
    remaining: tuple[str, ...] = ()
    """What could not be undone, one line each; the first ones where there are many."""
    error: str | None = None
