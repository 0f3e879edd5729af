"""The inventory is the ledger folded up: what each effect leaves of the thing that it touched."""

from collections.abc import Iterable

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


def newest(entries: Iterable[LedgerEntry]) -> dict[str, LedgerEntry]:
    """Of each resource, by key, the last entry that changed it.

    Restarts are passed over: they tell nothing new, and one that is written late would bring back what its
    service was like before somebody else's change.
    """
    ordered = sorted(entries, key=lambda entry: entry.position)
    return {entry.effect.key: entry for entry in ordered if entry.effect.is_lasting}


def fold(entry: LedgerEntry) -> InventoryEntry:
    """The state of the touched resource right after `entry`."""
    effect = entry.effect
    return InventoryEntry(
        key=effect.key, position=entry.position, resource=effect.after, task_id=effect.cause.task_id
    )
