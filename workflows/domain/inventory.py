"""The inventory is the ledger folded up: what each effect leaves of the thing that it touched."""

from workflows.domain.effects import Effect
from workflows.domain.resources import Frozen, Resource


class LedgerEntry(Frozen):
    """An effect at its place in the one global order. Positions start at 1 and have no gaps."""

    position: int
    effect: Effect
    undone_by: str | None = None


class InventoryEntry(Frozen):
    """What is known of one resource. `resource` is None once it is gone."""

    key: str
    position: int
    """Ledger position of the last effect that touched it."""
    resource: Resource | None
    task_id: str
    """The task that made it what it is."""


def fold(entry: LedgerEntry) -> InventoryEntry:
    """The state of the touched resource right after `entry`."""
    effect = entry.effect
    return InventoryEntry(
        key=effect.key, position=entry.position, resource=effect.after, task_id=effect.cause.task_id
    )
