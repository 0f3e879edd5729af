"""The read model: lists of batches and tasks, newest first."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from activities.mongo.batches import BatchRows
from activities.mongo.connection import Connection
from activities.mongo.contents import BatchSummary
from activities.mongo.tasks import Segment, TaskRows
from activities.monitoring_ports import WorkCounts, WorkflowTotals
from activities.ports import Page
from workflows.domain.acceptance import batch_record, task_records
from workflows.domain.batches import BatchSpec
from workflows.domain.records import BatchRecord, BatchUpdate, TaskRecord
from workflows.domain.states import BatchStatus, TaskStatus
from workflows.domain.task_updates import TaskUpdate


class MongoReadModel:
    """Implements `ReadModel`."""

    def __init__(self, connection: Connection) -> None:
        self._batches = BatchRows(connection)
        self._tasks = TaskRows(connection)

    async def accept(self, batch: BatchSpec) -> None:
        """Rows for the batch and its tasks, pending; rows that exist stay as they are.

        The batch comes last: whoever sees it sees all its tasks.
        """
        if await self._batches.exists(batch.batch_id):
            return
        tasks = task_records(batch)
        await self._tasks.add(tasks)
        await self._batches.add(batch_record(batch), tasks)

    async def accept_task(self, task: TaskRecord) -> None:
        """A row for a task that belongs to no batch; one that exists stays as it is."""
        await self._tasks.add([task])
        await self._batches.add_single(task)

    async def apply(self, tasks: Sequence[TaskUpdate], batch: BatchUpdate | None) -> None:
        """Changes rows whose version is lower than the update's."""
        await self._tasks.apply(tasks)
        for update in _newest(update for update in tasks if update.batch_id is None):
            await self._batches.apply_single(update)
        if batch is not None:
            await self._batches.apply(batch)

    async def task(self, task_id: str) -> TaskRecord | None:
        return await self._tasks.get(task_id)

    async def tasks(self, *, status: TaskStatus | None, limit: int, offset: int) -> Page[TaskRecord]:
        """Those of the newest batch first; within a batch in the order of its operations.

        A single task stands where a batch of the same time would.
        """
        contents = await self._batches.contents()
        segments = _segments(contents, status, offset, offset + limit)
        total = sum(batch.matching(status) for batch in contents)
        return Page(await self._tasks.fetch(segments, status), total)

    async def tasks_of(self, batch_ids: Sequence[str]) -> Sequence[TaskRecord]:
        """All tasks of these batches, in the order of the batches' operations."""
        known = {batch.id: batch for batch in await self._batches.contents()}
        wanted = [known[batch_id] for batch_id in dict.fromkeys(batch_ids) if batch_id in known]
        return await self._tasks.fetch([_whole(batch) for batch in wanted])

    async def batch(self, batch_id: str) -> BatchRecord | None:
        found = await self._batches.get([batch_id])
        return found[0] if found else None

    async def batches(self, *, status: BatchStatus | None, limit: int, offset: int) -> Page[BatchRecord]:
        """Newest first."""
        batches = [b for b in await self._batches.contents() if not b.single]
        ids = [b.id for b in batches if status is None or b.status is status]
        return Page(await self._batches.get(ids[offset : offset + limit]), len(ids))

    async def tasks_with(self, ids: Collection[str]) -> Sequence[TaskRecord]:
        """The tasks among these that there are, in no order."""
        return await self._tasks.having("_id", ids)

    async def operations_named(self, operation_ids: Collection[str]) -> Sequence[TaskRecord]:
        """The tasks of all operations, of whatever batch, that bear one of these ids; in no order."""
        return await self._tasks.having("operation_id", operation_ids)

    async def totals(self) -> WorkflowTotals:
        """Counted in the table of contents: nothing but what runs is read again."""
        contents = await self._batches.contents()
        batches, tasks = _counted(contents)
        return _totals(contents, batches, tasks)

    async def counts(self) -> WorkCounts:
        """As `totals`."""
        return WorkCounts(*_counted(await self._batches.contents()))


def _counted(contents: Sequence[BatchSummary]) -> tuple[Counter[BatchStatus], Counter[TaskStatus]]:
    tasks: Counter[TaskStatus] = Counter()
    for batch in contents:
        tasks.update(batch.counts)
    return Counter(batch.status for batch in contents if not batch.single), tasks


def _totals(
    contents: Sequence[BatchSummary], batches: Counter[BatchStatus], tasks: Counter[TaskStatus]
) -> WorkflowTotals:
    return WorkflowTotals(
        total=batches.total() + sum(batch.tasks for batch in contents),
        active=batches[BatchStatus.RUNNING] + tasks[TaskStatus.PENDING] + tasks[TaskStatus.RUNNING],
        completed=batches[BatchStatus.COMPLETED] + tasks[TaskStatus.COMPLETED],
        failed=batches[BatchStatus.FAILED] + tasks[TaskStatus.FAILED],
    )


def _newest(updates: Iterable[TaskUpdate]) -> Iterable[TaskUpdate]:
    by_version = sorted(updates, key=lambda update: update.version)
    return {update.id: update for update in by_version}.values()


def _whole(batch: BatchSummary) -> Segment:
    return Segment(batch.id, first=0, end=batch.tasks, matching=batch.tasks, tasks=batch.tasks)


def _segments(
    contents: Iterable[BatchSummary], status: TaskStatus | None, first: int, end: int
) -> list[Segment]:
    """Where the rows from `first` up to before `end` of the whole list are."""
    segments = []
    passed = 0
    for batch in contents:
        matching = batch.matching(status)
        begin, stop = max(first - passed, 0), min(end - passed, matching)
        if begin < stop:
            segments.append(Segment(batch.id, begin, stop, matching, batch.tasks))
        passed += matching
        if passed >= end:
            break
    return segments
