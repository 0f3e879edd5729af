"""Rows of tasks. The tasks of a batch are numbered from 0, in the order of its operations.

A task that belongs to no batch is kept as the only one of a batch that bears its own id.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from activities.mongo.connection import Connection, Document
from activities.mongo.live_output import LIVE_OUTPUT, live_output
from activities.mongo.numbered_log import indexed
from workflows.domain.records import TaskRecord
from workflows.domain.states import TaskStatus
from workflows.domain.task_updates import TaskUpdate

CHUNK = 500
_INSERTED_AT_ONCE = 100
"""A busy database answers each write within the connection's time."""
_BATCHES = 50
_IDS = 100
_DUPLICATE = 11000
_CHANGED = {"status", "started_at", "completed_at", "output", "error", "progress"}


class Segment(NamedTuple):
    """Some of a batch's tasks that have a status (or of all its tasks): from `first` up to before `end`."""

    batch_id: str
    first: int
    end: int
    matching: int
    """How many there are."""
    tasks: int
    """How many tasks the batch has."""

    @property
    def is_small_and_whole(self) -> bool:
        return self.first == 0 and self.end >= self.matching and self.matching <= CHUNK


class TaskRows:
    """The collection of tasks."""

    def __init__(self, connection: Connection) -> None:
        self._tasks = connection.collection(
            "tasks",
            [
                indexed("batch_id", "number"),
                indexed("batch_id", "status", "number"),
                indexed("operation_id"),
            ],
        )

    async def add(self, records: Sequence[TaskRecord]) -> None:
        """Adds the tasks of one batch, or a single one; rows that exist stay as they are."""
        documents = [_document(number, record) for number, record in enumerate(records)]
        async with self._tasks.opened() as collection:
            for start in range(0, len(documents), _INSERTED_AT_ONCE):
                await _insert_new(collection, documents[start : start + _INSERTED_AT_ONCE])

    async def apply(self, updates: Sequence[TaskUpdate]) -> None:
        """Changes rows whose version is lower than the update's: one write for each task."""
        by_task: dict[str, list[TaskUpdate]] = {}
        for update in sorted(updates, key=lambda update: update.version):
            by_task.setdefault(update.id, []).append(update)
        if not by_task:
            return
        writes = [_change(changes) for changes in by_task.values()]
        async with self._tasks.opened() as collection:
            result = await collection.bulk_write(writes, ordered=False)
            if result.matched_count < len(writes) and (fills := _late_starts(updates)):
                await collection.bulk_write(fills, ordered=False)

    async def get(self, task_id: str) -> TaskRecord | None:
        async with self._tasks.opened() as collection:
            document = await collection.find_one({"_id": task_id})
        found = self._tasks.readable([document] if document else [], _record)
        return found[0] if found else None

    async def having(self, field: str, values: Collection[str]) -> list[TaskRecord]:
        """The tasks with one of these values in an indexed field, in no order."""
        wanted = sorted(set(values))
        found: list[Document] = []
        for start in range(0, len(wanted), _IDS):
            found += await self._find({field: {"$in": wanted[start : start + _IDS]}}, None)
        return self._tasks.readable(found, _record)

    async def fetch(self, segments: Sequence[Segment], status: TaskStatus | None = None) -> list[TaskRecord]:
        """The tasks of the segments, in their order; those of one batch in the order of its operations."""
        found: list[Document] = []
        for batch_ids in _groups([segment for segment in segments if segment.is_small_and_whole]):
            found += await self._find({"batch_id": {"$in": batch_ids}}, status)
        for segment in segments:
            if not segment.is_small_and_whole:
                found += await self._part(segment, status)
        place = {segment.batch_id: place for place, segment in enumerate(segments)}
        rows = self._tasks.readable(found, _numbered)
        rows.sort(key=lambda row: (place[row[0]], row[1]))
        return [record for _, _, record in rows]

    async def _part(self, segment: Segment, status: TaskStatus | None) -> list[Document]:
        """Reads a large batch in windows, so that no single query is long."""
        if status is None:
            return await self._windows(segment.batch_id, segment.first, segment.end, None, segment.end)
        matching = await self._windows(segment.batch_id, 0, segment.tasks, status, segment.end)
        return matching[segment.first : segment.end]

    async def _windows(
        self, batch_id: str, first: int, end: int, status: TaskStatus | None, enough: int
    ) -> list[Document]:
        found: list[Document] = []
        while first < end and len(found) < enough:
            numbers = {"$gte": first, "$lt": min(first + CHUNK, end)}
            window = await self._find({"batch_id": batch_id, "number": numbers}, status)
            found += sorted(window, key=lambda document: int(document["number"]))
            first += CHUNK
        return found

    async def _find(self, wanted: Document, status: TaskStatus | None) -> list[Document]:
        if status is not None:
            wanted = {**wanted, "status": status.value}
        async with self._tasks.opened() as collection:
            found: list[Document] = await collection.find(wanted).to_list(None)
        return found


async def _insert_new(collection: Any, documents: Sequence[Document]) -> None:
    try:
        await collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        others = [e for e in error.details["writeErrors"] if e["code"] != _DUPLICATE]
        if others or error.details["writeConcernErrors"]:
            raise


def _groups(segments: Sequence[Segment]) -> list[list[str]]:
    """The batches, as many together as one query may read."""
    groups: list[list[str]] = []
    room = 0
    for segment in segments:
        if segment.matching > room or len(groups[-1]) >= _BATCHES:
            groups.append([])
            room = CHUNK
        groups[-1].append(segment.batch_id)
        room -= segment.matching
    return groups


def _change(changes: Sequence[TaskUpdate]) -> UpdateOne:
    """One write for one task's changes, which come in the order of their versions."""
    newest = changes[-1]
    fields: Document = {}
    for change in changes:
        fields |= change.model_dump(mode="json", include=_CHANGED, exclude_none=True)
    write: Document = {"$set": {**fields, "version": newest.version}}
    if newest.status.is_terminal:
        write["$unset"] = {LIVE_OUTPUT: ""}
    return UpdateOne({"_id": newest.id, "version": {"$lt": newest.version}}, write)


def _late_starts(updates: Sequence[TaskUpdate]) -> list[UpdateOne]:
    """A start that arrives after the task's first progress is still when the task started."""
    return [
        UpdateOne(
            {"_id": update.id, "started_at": None, "version": {"$gte": update.version}},
            {"$set": update.model_dump(mode="json", include={"started_at"})},
        )
        for update in updates
        if update.started_at is not None
    ]


def _document(number: int, record: TaskRecord) -> Document:
    fields = record.model_dump(mode="json", exclude={"id"})
    return {"_id": record.id, "number": number, **fields, "batch_id": record.batch_id or record.id}


def _numbered(document: Document) -> tuple[str, int, TaskRecord]:
    return str(document["batch_id"]), int(document["number"]), _record(document)


def _record(document: Document) -> TaskRecord:
    task_id, batch_id = document["_id"], document["batch_id"]
    own = {"id": task_id, "batch_id": None if batch_id == task_id else batch_id}
    record = TaskRecord.model_validate({**document, **own})
    if record.output is None and (text := live_output(document)):
        return record.model_copy(update={"output": text})
    return record
