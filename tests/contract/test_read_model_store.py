"""The read model: rows that only move forward, and lists that are newest first and know their length."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import pymongo
import pytest

from activities.mongo.connection import Connection
from activities.mongo.read_model import MongoReadModel
from tests.support.samples import NOON, batch
from workflows.domain.acceptance import batch_record, task_records
from workflows.domain.batches import BatchSpec
from workflows.domain.identity import task_id
from workflows.domain.progress import ProgressInfo
from workflows.domain.records import BatchUpdate, TaskRecord
from workflows.domain.states import BatchStatus, TaskStatus
from workflows.domain.task_updates import TERMINAL_VERSION, TaskUpdate

Shell = pymongo.database.Database[dict[str, object]]


def update(of: BatchSpec, number: int, version: int, status: TaskStatus, **fields: object) -> TaskUpdate:
    return TaskUpdate.model_validate(
        {
            "id": task_id(of.batch_id, f"op-{number}"),
            "version": version,
            "previous": TaskStatus.PENDING,
            "status": status,
            "at": NOON,
            "name": f"op-{number}",
            "workflow_type": "server_creation",
            **fields,
        }
    )


def batch_update(of: BatchSpec, version: int, status: BatchStatus, **counts: int) -> BatchUpdate:
    return BatchUpdate(
        id=of.batch_id,
        version=version,
        status=status,
        phase="running",
        at=NOON,
        progress=ProgressInfo(
            workflow_id=of.batch_id, progress=50, current_step="x", total_steps=3, completed_steps=1
        ),
        counts={TaskStatus(name): count for name, count in counts.items()},
        completed_at=NOON if status.is_terminal else None,
    )


async def test_an_accepted_batch_is_there_with_its_pending_tasks(connection: Connection) -> None:
    model = MongoReadModel(connection)
    spec = batch()
    await model.accept(spec)
    assert await model.batch(spec.batch_id) == batch_record(spec)
    assert await model.tasks_of([spec.batch_id]) == task_records(spec)
    for record in task_records(spec):
        assert await model.task(record.id) == record
    assert await model.task("unknown") is None
    assert await model.batch("unknown") is None
    assert await model.tasks_of(["unknown"]) == []


async def test_accepting_again_changes_nothing_and_completes_what_was_begun(
    connection: Connection, raw_database: Shell
) -> None:
    model = MongoReadModel(connection)
    spec = batch(5)
    await model.accept(spec)
    await model.apply([update(spec, 0, 1, TaskStatus.RUNNING, started_at=NOON)], None)
    # As after a crash before the batch's own row, and before some of its tasks.
    raw_database["batches"].delete_many({})
    raw_database["tasks"].delete_many({"number": {"$gte": 3}})
    await model.accept(spec)
    await model.accept(spec)
    tasks = await model.tasks_of([spec.batch_id])
    assert [task.status for task in tasks] == [TaskStatus.RUNNING] + [TaskStatus.PENDING] * 4
    assert (await model.batches(status=None, limit=10, offset=0)).total == 1


async def test_a_late_retry_overwrites_nothing(connection: Connection) -> None:
    model = MongoReadModel(connection)
    spec = batch(1)
    await model.accept(spec)
    running = update(spec, 0, 1, TaskStatus.RUNNING, started_at=NOON)
    progress = update(spec, 0, 5, TaskStatus.RUNNING, progress=40.0)
    end = update(spec, 0, TERMINAL_VERSION, TaskStatus.COMPLETED, completed_at=NOON, output="done")
    await model.apply([running, progress], batch_update(spec, 3, BatchStatus.RUNNING, Running=1))
    await model.apply([end], batch_update(spec, 4, BatchStatus.COMPLETED, Completed=1))
    after = (await model.task(end.id), await model.batch(spec.batch_id))
    await model.apply([running], batch_update(spec, 3, BatchStatus.RUNNING, Running=1))
    await model.apply([progress, running], None)
    assert (await model.task(end.id), await model.batch(spec.batch_id)) == after
    task, row = after
    assert task is not None and row is not None
    assert (task.status, task.started_at, task.progress, task.output) == (end.status, NOON, 40.0, "done")
    assert (row.status, row.completed_at, row.version) == (BatchStatus.COMPLETED, NOON, 4)


async def test_one_report_may_carry_several_changes_of_a_task(connection: Connection) -> None:
    model = MongoReadModel(connection)
    spec = batch(1)
    await model.accept(spec)
    await model.apply(
        [
            update(spec, 0, 1, TaskStatus.RUNNING, started_at=NOON),
            update(spec, 0, TERMINAL_VERSION, TaskStatus.FAILED, completed_at=NOON, error="no"),
        ],
        None,
    )
    (task,) = await model.tasks_of([spec.batch_id])
    assert (task.status, task.started_at, task.error) == (TaskStatus.FAILED, NOON, "no")


async def test_a_start_that_is_told_late_is_still_known(connection: Connection) -> None:
    model = MongoReadModel(connection)
    spec = batch(1)
    await model.accept(spec)
    await model.apply([update(spec, 0, 2, TaskStatus.RUNNING, progress=10.0)], None)
    await model.apply([update(spec, 0, 1, TaskStatus.RUNNING, started_at=NOON)], None)
    later = NOON + timedelta(hours=1)
    await model.apply([update(spec, 0, 1, TaskStatus.RUNNING, started_at=later)], None)
    (task,) = await model.tasks_of([spec.batch_id])
    assert (task.version, task.progress, task.started_at) == (2, 10.0, NOON)


async def test_lists_are_newest_first_whatever_order_they_were_accepted_in(
    connect: Callable[[], Connection],
) -> None:
    model = MongoReadModel(connect())
    reader = MongoReadModel(connect())
    specs = [batch(2, later=seconds) for seconds in (5, 1, 3, 2, 4)]
    for spec in specs:
        await model.accept(spec)
        await reader.batches(status=None, limit=1, offset=0)  # what it knows must not get in the way
    newest = sorted(specs, key=lambda spec: spec.created_at, reverse=True)
    page = await reader.batches(status=None, limit=3, offset=1)
    assert ([row.id for row in page.items], page.total) == ([spec.batch_id for spec in newest[1:4]], 5)
    wanted = [record for spec in newest for record in task_records(spec)]
    for offset in range(0, 12, 3):
        tasks = await reader.tasks(status=None, limit=3, offset=offset)
        assert (list(tasks.items), tasks.total) == (wanted[offset : offset + 3], 10)


async def test_lists_can_be_narrowed_to_a_status(connect: Callable[[], Connection]) -> None:
    model, reader = MongoReadModel(connect()), MongoReadModel(connect())
    older, newer = batch(3), batch(3, later=1)
    await model.accept(older)
    await model.accept(newer)
    assert (await reader.batches(status=BatchStatus.RUNNING, limit=9, offset=0)).total == 2
    ends = [update(older, n, TERMINAL_VERSION, TaskStatus.COMPLETED) for n in range(3)]
    await model.apply(ends, batch_update(older, 1, BatchStatus.COMPLETED, Completed=3))
    some = [update(newer, 2, TERMINAL_VERSION, TaskStatus.COMPLETED)]
    await model.apply(some, batch_update(newer, 1, BatchStatus.RUNNING, Completed=1, Pending=2))
    completed = await reader.tasks(status=TaskStatus.COMPLETED, limit=3, offset=0)
    assert ([t.name for t in completed.items], completed.total) == (["op-2", "op-0", "op-1"], 4)
    rest = await reader.tasks(status=TaskStatus.COMPLETED, limit=3, offset=3)
    assert [task.name for task in rest.items] == ["op-2"]
    pending = await reader.tasks(status=TaskStatus.PENDING, limit=1, offset=1)
    assert ([task.name for task in pending.items], pending.total) == (["op-1"], 2)
    page = await reader.batches(status=BatchStatus.COMPLETED, limit=9, offset=0)
    assert [row.id for row in page.items] == [older.batch_id]


def single(later: float = 0.0) -> TaskRecord:
    return TaskRecord(
        id=str(uuid4()),
        name="a rollback",
        command="provisioning",
        args=("rollback",),
        dependencies=(),
        created_at=NOON + timedelta(seconds=later),
        workflow_type="rollback",
        infra="default",
        provider="local",
        requested_by="somebody",
    )


def moved(task: TaskRecord, version: int, status: TaskStatus, **fields: object) -> TaskUpdate:
    return TaskUpdate.model_validate(
        {
            **{"id": task.id, "version": version, "previous": TaskStatus.RUNNING, "status": status},
            **{"at": NOON, "name": task.name, "workflow_type": task.workflow_type, **fields},
        }
    )


async def test_a_single_task_is_listed_among_those_of_batches(connect: Callable[[], Connection]) -> None:
    model, reader = MongoReadModel(connect()), MongoReadModel(connect())
    older, task, newer = batch(2), single(1), batch(2, later=2)
    for _ in range(2):
        await model.accept(older)
        await model.accept_task(task)
        await model.accept(newer)
    wanted = [*task_records(newer), task, *task_records(older)]
    for offset in range(5):
        page = await reader.tasks(status=None, limit=2, offset=offset)
        assert (list(page.items), page.total) == (wanted[offset : offset + 2], 5)
    assert await reader.task(task.id) == task
    # It is no batch.
    batches = await reader.batches(status=None, limit=9, offset=0)
    assert ([row.id for row in batches.items], batches.total) == ([newer.batch_id, older.batch_id], 2)
    assert await reader.batch(task.id) is None


async def test_a_single_task_moves_forward_and_never_back(connect: Callable[[], Connection]) -> None:
    model, reader = MongoReadModel(connect()), MongoReadModel(connect())
    task, other = single(), batch(1)
    await model.accept_task(task)
    await model.accept(other)
    started = moved(task, 1, TaskStatus.RUNNING, started_at=NOON)
    await model.apply([started, moved(task, 2, TaskStatus.RUNNING, progress=50.0)], None)
    running = await reader.tasks(status=TaskStatus.RUNNING, limit=9, offset=0)
    assert [(row.id, row.progress, row.started_at) for row in running.items] == [(task.id, 50.0, NOON)]
    await model.apply([moved(task, TERMINAL_VERSION, TaskStatus.FAILED, error="no")], None)
    await model.apply([started], None)
    failed = await reader.tasks(status=TaskStatus.FAILED, limit=9, offset=0)
    assert [(row.id, row.error) for row in failed.items] == [(task.id, "no")]
    assert (await reader.tasks(status=TaskStatus.RUNNING, limit=9, offset=0)).total == 0


async def test_operations_are_found_by_their_id(connection: Connection) -> None:
    model = MongoReadModel(connection)
    first, second = batch(2), batch(1)
    await model.accept(first)
    await model.accept(second)
    await model.accept_task(single())
    found = await model.operations_named(["op-0", "op-2"])
    ids = sorted(task_id(b.batch_id, "op-0") for b in (first, second))
    assert sorted(task.id for task in found) == ids
    assert await model.operations_named(["op-2"]) == []
    assert sorted(task.id for task in await model.tasks_with([*ids, *ids, "none"])) == ids


async def test_a_batch_of_10_000_operations(connection: Connection) -> None:
    model = MongoReadModel(connection)
    spec = batch(10_000)
    await model.accept(batch(2, later=-1))
    await model.accept(spec)
    page = await model.tasks(status=None, limit=4, offset=7_998)
    assert ([task.name for task in page.items], page.total) == (
        [f"op-{n}" for n in range(7998, 8002)],
        10_002,
    )
    done = [update(spec, n, TERMINAL_VERSION, TaskStatus.COMPLETED) for n in (3, 600, 601, 9_999)]
    await model.apply(done, batch_update(spec, 1, BatchStatus.RUNNING, Completed=4, Pending=9_996))
    completed = await model.tasks(status=TaskStatus.COMPLETED, limit=2, offset=1)
    assert [task.name for task in completed.items] == ["op-600", "op-601"]
    pending = await model.tasks(status=TaskStatus.PENDING, limit=3, offset=9_995)
    assert ([task.name for task in pending.items], pending.total) == (["op-9998", "op-0", "op-1"], 9_998)
    assert [task.name for task in await model.tasks_of([spec.batch_id])] == [f"op-{n}" for n in range(10_000)]


async def test_malformed_rows_are_left_out_and_named(
    connection: Connection, raw_database: Shell, caplog: pytest.LogCaptureFixture
) -> None:
    model = MongoReadModel(connection)
    good, bad = batch(3), batch(2, later=1)
    await model.accept(good)
    await model.accept(bad)
    raw_database["batches"].update_one({"_id": bad.batch_id}, {"$set": {"status": "Confused"}})
    broken = task_id(good.batch_id, "op-1")
    raw_database["tasks"].update_one({"_id": broken}, {"$set": {"created_at": datetime.max, "args": 3}})
    page = await model.batches(status=None, limit=10, offset=0)
    assert [row.id for row in page.items] == [good.batch_id]
    assert [task.name for task in await model.tasks_of([good.batch_id])] == ["op-0", "op-2"]
    assert await model.task(broken) is None
    assert f"collection batches, _id '{bad.batch_id}'" in caplog.text
    assert f"collection tasks, _id '{broken}'" in caplog.text
