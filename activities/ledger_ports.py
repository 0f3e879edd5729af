"""The ports behind which the ledger and the inventory, which is the ledger folded up, are kept."""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Protocol

from activities.ports import Page
from workflows.domain.effects import Effect
from workflows.domain.inventory import LedgerEntry
from workflows.domain.resources import Cluster, Frozen, Server, Taskserv
from workflows.domain.rollbacks import Picture


class Ledger(Protocol):
    """The append-only record of effects, in one order without gaps."""

    async def append(self, effects: Sequence[Effect]) -> None:
        """Writes the effects in this order; those that are there already stay where they are."""

    async def after(self, position: int) -> tuple[int, Sequence[LedgerEntry]]:
        """Some entries behind `position`, in order, and the position of the last one that was looked at.

        That one is `position` itself where there are no more. `undone_by` is left out.
        """

    async def by_task(self, task_id: str) -> Sequence[LedgerEntry]:
        """The entries of one task, oldest first."""

    async def of_tasks(self, task_ids: Collection[str]) -> Sequence[LedgerEntry]:
        """The effects of these tasks, and all that undid them, and that again; oldest first."""

    async def of_servers(self, keys: Collection[str]) -> Sequence[LedgerEntry]:
        """All that was ever done to these servers (`infra/name`) and on them, oldest first."""

    async def at(self, positions: Sequence[int]) -> Sequence[LedgerEntry]:
        """The entries at these positions, in this order."""

    async def page(
        self,
        *,
        task_id: str | None = None,
        batch_id: str | None = None,
        server: str | None = None,
        limit: int,
        offset: int,
    ) -> Page[LedgerEntry]:
        """The ledger, newest first. `server` is a name, or `infra/name`."""


class InventoryItem(Frozen):
    """A server with the task services on it, and the task that made it."""

    server: Server
    task_id: str
    taskservs: tuple[Taskserv, ...] = ()


class ServerLookup(Protocol):
    """Finds servers, and what stands on them."""

    async def catch_up(self) -> int:
        """Folds in every ledger entry that is not folded in yet; the position of the last one."""

    async def server(self, infra: str, name: str) -> InventoryItem | None: ...

    async def servers(
        self, infra: str | None = None, provider: str | None = None
    ) -> Sequence[InventoryItem]: ...

    async def clusters(self, infra: str | None = None) -> Sequence[Cluster]:
        """The clusters of an infra, or all of them; by infra and name."""


class Inventory(ServerLookup, Protocol):
    """What exists, as the ledger tells it."""

    async def picture(self) -> Picture:
        """What exists at the ledger's end, which it names, whatever goes on meanwhile."""

    async def named(self, keys: Collection[str]) -> dict[str, Server]:
        """The servers among `keys` (`infra/name`) that exist, by key."""


class DifferenceKind(StrEnum):
    """How what is kept of a resource differs from what the ledger says of it."""

    MISSING = "missing"
    SURPLUS = "surplus"
    DIFFERENT = "different"
    UNREADABLE = "unreadable"
    """It was folded from an entry of the ledger that cannot be read any more: all that is left is kept."""


class Difference(Frozen):
    """One resource of which something else is kept than the ledger says."""

    key: str
    """The resource, such as `server:default/web-01`."""
    kind: DifferenceKind
    fields: tuple[str, ...] = ()
    """For `DIFFERENT`: what of it differs."""
    mended: bool = False


class Rebuild(Frozen):
    """What came of holding the inventory against the ledger, replayed from nothing."""

    position: int
    """Where the replayed ledger ended."""
    resources: int
    """How many things it tells of, those that are gone included."""
    differences: tuple[Difference, ...] = ()
    """By key."""
    unreadable: tuple[int, ...] = ()
    """Positions of the ledger's entries that cannot be read."""


class InventoryRebuild(Protocol):
    """Holds the inventory against the ledger."""

    async def run(self, *, mend: bool) -> Rebuild:
        """Replays the whole ledger, compares, and mends what differs if it is told to.

        Others may go on working, and do the same. What was broken off is done by the next one.
        """
