"""The storages by the name that a batch gives, made from the settings."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from activities.ports import SnapshotOutbox, SnapshotStore
from activities.settings import Settings
from activities.snapshots.filesystem import FilesystemSnapshots
from activities.snapshots.patient import PatientStore, keep_delivering
from activities.snapshots.surrealdb.store import SurrealSnapshots
from workflows.domain.batches import StorageBackend


class SnapshotRegistry:
    """Implements `SnapshotStores`."""

    def __init__(
        self,
        stores: Mapping[StorageBackend, SnapshotStore],
        outbox: SnapshotOutbox,
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._close = close
        self._stores = {name: PatientStore(name, store, outbox) for name, store in stores.items()}

    def names(self) -> Sequence[StorageBackend]:
        return tuple(self._stores)

    def get(self, name: StorageBackend) -> SnapshotStore:
        return self._stores[name]

    @contextlib.asynccontextmanager
    async def delivering(self) -> AsyncIterator[None]:
        """Brings snapshots that wait to their storage for as long as the block runs."""
        task = asyncio.create_task(keep_delivering(list(self._stores.values())), name="snapshot outbox")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def close(self) -> None:
        """Lets go of what is connected."""
        if self._close is not None:
            await self._close()


def open_snapshots(settings: Settings, outbox: SnapshotOutbox) -> SnapshotRegistry:
    """All storages. Nothing is connected to yet."""
    files = FilesystemSnapshots(settings.state_dir / "snapshots")
    surrealdb = SurrealSnapshots(settings)
    return SnapshotRegistry({"filesystem": files, "surrealdb": surrealdb}, outbox, surrealdb.close)
