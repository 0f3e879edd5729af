"""Snapshots whose storage is away, kept beside the read model until it is back."""

from collections.abc import Awaitable, Callable, Sequence

from pymongo import IndexModel
from pymongo.errors import DuplicateKeyError

from activities.mongo.connection import Connection, Document
from activities.ports import WaitingSnapshots
from workflows.domain.batches import StorageBackend

_AT_ONCE = 1000
"""Reports that one delivery takes on. Only their ids are held."""


class MongoSnapshotOutbox:
    """Implements `SnapshotOutbox`. A report is a document, under an id that its retry finds again."""

    def __init__(self, connection: Connection) -> None:
        self._collection = connection.collection(
            "snapshot_outbox", [IndexModel("owner"), IndexModel("storage_backend")]
        )

    async def add(self, waiting: WaitingSnapshots) -> None:
        """Adding one again changes nothing."""
        async with self._collection.opened() as collection:
            try:
                await collection.insert_one(_document(waiting))
            except DuplicateKeyError:
                return

    async def of(self, backend: StorageBackend, owner: str) -> Sequence[WaitingSnapshots]:
        """What waits for one storage and one owner."""
        async with self._collection.opened() as collection:
            documents = await collection.find({"owner": owner}).to_list(None)
        waiting = self._collection.readable(documents, _waiting)
        return [one for one in waiting if one.storage_backend == backend]

    async def deliver(
        self, backend: StorageBackend, take: Callable[[WaitingSnapshots], Awaitable[None]]
    ) -> None:
        """Hands all that waits for a storage to `take`, and forgets each that it took."""
        async with self._collection.opened() as collection:
            cursor = collection.find({"storage_backend": backend}, {"_id": 1}).limit(_AT_ONCE)
            ids = [document["_id"] for document in await cursor.to_list(None)]
        for identity in ids:
            async with self._collection.opened() as collection:
                document = await collection.find_one({"_id": identity})
            for waiting in self._collection.readable([document] if document else [], _waiting):
                await take(waiting)
                async with self._collection.opened() as collection:
                    await collection.delete_one({"_id": identity})


def _document(waiting: WaitingSnapshots) -> Document:
    return {
        "_id": f"{waiting.storage_backend}:{waiting.owner}:{waiting.number}",
        "storage_backend": waiting.storage_backend,
        "owner": waiting.owner,
        "json": waiting.model_dump_json(),
    }


def _waiting(document: Document) -> WaitingSnapshots:
    return WaitingSnapshots.model_validate_json(document["json"])
