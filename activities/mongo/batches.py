"""Rows of batches, numbered in the order in which they were accepted.

A single task has a row among them, so that the list of tasks has one order; nobody takes it for a batch.
"""

from collections import Counter
from collections.abc import Sequence

from activities.mongo.connection import Connection, Document
from activities.mongo.contents import BatchSummary, Contents
from activities.mongo.numbered_log import Item, NumberedLog
from workflows.domain.records import BatchRecord, BatchUpdate, TaskRecord
from workflows.domain.states import BatchStatus, TaskStatus
from workflows.domain.task_updates import TaskUpdate

_IDS = 100
_CHANGED = {"status", "completed_at", "error", "remaining", "progress"}


class BatchRows:
    """The collection of batches."""

    def __init__(self, connection: Connection) -> None:
        self._log = NumberedLog(connection, "batches")
        self._contents = Contents(self._log)

    async def contents(self) -> Sequence[BatchSummary]:
        """All batches and single tasks in brief, newest first."""
        return await self._contents.current()

    async def add(self, record: BatchRecord, tasks: Sequence[TaskRecord]) -> None:
        """Adds a batch; one that exists stays as it is."""
        fields = record.model_dump(mode="json", exclude={"id"})
        counts = Counter(task.status.value for task in tasks)
        await self._log.append([Item(record.id, {**fields, "tasks": len(tasks), "counts": dict(counts)})])

    async def add_single(self, task: TaskRecord) -> None:
        """Adds a task that belongs to no batch; one that exists stays as it is."""
        created_at = task.model_dump(mode="json", include={"created_at"})
        fields = {**created_at, **_single(task.status), "tasks": 1, "version": task.version, "single": True}
        await self._log.append([Item(task.id, fields)])

    async def apply_single(self, update: TaskUpdate) -> None:
        """Changes the row if its version is lower than the update's."""
        fields = {**_single(update.status), "version": update.version}
        async with self._log.collection.opened() as collection:
            older = {"_id": update.id, "version": {"$lt": update.version}}
            await collection.update_one(older, {"$set": fields})

    async def apply(self, update: BatchUpdate) -> None:
        """Changes the row if its version is lower than the update's."""
        fields = update.model_dump(mode="json", include=_CHANGED, exclude_none=True)
        fields["counts"] = {status.value: count for status, count in update.counts.items()}
        fields["version"] = update.version
        async with self._log.collection.opened() as collection:
            await collection.update_one(
                {"_id": update.id, "version": {"$lt": update.version}}, {"$set": fields}
            )

    async def exists(self, batch_id: str) -> bool:
        async with self._log.collection.opened() as collection:
            return await collection.find_one({"_id": batch_id}, {"_id": 1}) is not None

    async def get(self, batch_ids: Sequence[str]) -> list[BatchRecord]:
        """The batches of these ids, in this order; unknown ones are left out."""
        documents: dict[str, Document] = {}
        async with self._log.collection.opened() as collection:
            for start in range(0, len(batch_ids), _IDS):
                wanted = {"_id": {"$in": list(batch_ids[start : start + _IDS])}}
                async for document in collection.find(wanted):
                    if not document.get("single"):
                        documents[document["_id"]] = document
        found = [documents[batch_id] for batch_id in batch_ids if batch_id in documents]
        return self._log.collection.readable(found, _record)


def _single(status: TaskStatus) -> Document:
    stands = BatchStatus(status.value) if status.is_terminal else BatchStatus.RUNNING
    return {"status": stands.value, "counts": {status.value: 1}}


def _record(document: Document) -> BatchRecord:
    return BatchRecord.model_validate({**document, "id": document["_id"]})
