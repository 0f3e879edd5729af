"""A storage that may be away for a while: what it cannot take now waits in the outbox, and is found there."""

import asyncio
import logging
from collections.abc import Sequence

from activities.ports import SnapshotOutbox, SnapshotStore, WaitingSnapshots
from activities.snapshots.keeping import in_order
from workflows.domain.batches import StorageBackend
from workflows.domain.errors import ProvisioningError, Unavailable
from workflows.domain.records import StateSnapshot

log = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds that a report waits for its storage before its snapshots go into the outbox."""

DELIVER_EVERY = 3.0
"""Seconds between two looks into the outbox."""


class PatientStore:
    """Implements `SnapshotStore` over another one and the outbox."""

    def __init__(self, backend: StorageBackend, store: SnapshotStore, outbox: SnapshotOutbox) -> None:
        self._backend = backend
        self._store = store
        self._outbox = outbox
        self._is_away = False

    async def save(self, owner: str, number: str, snapshots: Sequence[StateSnapshot]) -> None:
        """Stores one report's snapshots, in the outbox if need be; storing them again changes nothing.

        Raises:
            Unavailable: the outbox does not take them either.
            InvalidRequest: as the storage says.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                await self._store.save(owner, number, snapshots)
        except (Unavailable, TimeoutError) as error:
            self._note(str(error) or f"no answer in {PATIENCE:g} s")
            await self._outbox.add(
                WaitingSnapshots(
                    storage_backend=self._backend, owner=owner, number=number, snapshots=tuple(snapshots)
                )
            )
        else:
            self._note(None)

    async def load(self, owner: str, workflow_id: str) -> Sequence[StateSnapshot]:
        """The snapshots of `workflow_id`, wherever they are now. Raises Unavailable as the storage does."""
        # The outbox first: what is delivered in between is then in both, and not in neither.
        reports = await self._outbox.of(self._backend, owner)
        waiting = [one for report in reports for one in report.snapshots if one.workflow_id == workflow_id]
        return in_order((*await self._store.load(owner, workflow_id), *waiting))

    async def check(self) -> None:
        """Tries the storage itself: an outbox that works does not make up for it."""
        await self._store.check()

    async def deliver(self) -> None:
        """Brings what waits to the storage.

        Raises:
            Unavailable: the storage or the outbox is away.
        """

        async def take(waiting: WaitingSnapshots) -> None:
            await self._store.save(waiting.owner, waiting.number, waiting.snapshots)
            log.debug("delivered waiting snapshots to %s: report %s", self._backend, waiting.number)

        await self._outbox.deliver(self._backend, take)

    def _note(self, away: str | None) -> None:
        """Logs the two ends of an outage, and not each report in it."""
        if away is not None and not self._is_away:
            log.warning("the snapshot storage %s is away, its snapshots wait: %s", self._backend, away)
        if away is None and self._is_away:
            log.info("the snapshot storage %s is back", self._backend)
        self._is_away = away is not None


async def keep_delivering(stores: Sequence[PatientStore]) -> None:
    """Empties the outbox again and again, until it is cancelled. Any number of processes may do so."""
    while True:
        for store in stores:
            try:
                await store.deliver()
            except ProvisioningError as error:
                log.debug("snapshots wait on: %s", error.message)
            except Exception:
                log.exception("waiting snapshots could not be delivered")
        await asyncio.sleep(DELIVER_EVERY)
