"""Log lines: into the event log in order and once, and into the output of the task that runs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from activities.mongo import log_sink
from activities.mongo.connection import Connection
from activities.mongo.event_log import MongoEventLog
from activities.mongo.live_output import TAIL, LiveOutput
from activities.mongo.log_sink import MongoLogSink
from activities.mongo.read_model import MongoReadModel
from activities.ports import LogLine
from tests.support.mongodb import EmbeddedMongo
from tests.support.samples import NOON, batch
from workflows.domain.acceptance import task_records
from workflows.domain.batches import BatchSpec
from workflows.domain.events import Event, EventType
from workflows.domain.states import TaskStatus
from workflows.domain.task_updates import TERMINAL_VERSION, TaskUpdate


def lines(spec: BatchSpec, numbers: Sequence[int], *, job: str = "job", text: str = "line") -> list[LogLine]:
    task = task_records(spec)[0]
    return [
        LogLine(
            job=job,
            number=number,
            at=NOON + timedelta(seconds=number),
            text=f"{text} {number}",
            task_id=task.id,
            batch_id=spec.batch_id,
            operation_id="op-0",
            server="default/web-01",
            taskserv="redis",
        )
        for number in numbers
    ]


@asynccontextmanager
async def sink_over(connection: Connection) -> AsyncIterator[MongoLogSink]:
    sink = MongoLogSink(MongoEventLog(connection), LiveOutput(connection))
    yield sink
    await sink.close(1.0)


async def stored(connection: Connection) -> list[Event]:
    return [event for _, event in await MongoEventLog(connection).read(0, 10_000)]


async def output_of(connection: Connection, spec: BatchSpec) -> str | None:
    task = await MongoReadModel(connection).task(task_records(spec)[0].id)
    assert task is not None
    return task.output


async def end(connection: Connection, spec: BatchSpec, output: str | None) -> None:
    update = TaskUpdate(
        id=task_records(spec)[0].id,
        version=TERMINAL_VERSION,
        previous=TaskStatus.RUNNING,
        status=TaskStatus.COMPLETED,
        at=NOON,
        name="op-0",
        workflow_type="taskserv_creation",
        output=output,
    )
    await MongoReadModel(connection).apply([update], None)


async def test_lines_become_events_in_order(connection: Connection) -> None:
    spec = batch()
    async with sink_over(connection) as sink:
        for number in range(700):
            sink.write(lines(spec, [number]))
        assert await sink.flush(30)
    events = await stored(connection)
    assert [event.data["line"] for event in events] == [f"line {number}" for number in range(700)]
    task = task_records(spec)[0]
    assert events[0].event_type is EventType.LOG_ENTRY
    assert events[0].timestamp == NOON
    known = {"task_id": task.id, "batch_id": spec.batch_id, "operation_id": "op-0"}
    assert events[0].metadata == known
    assert events[0].data == {**known, "server": "default/web-01", "taskserv": "redis", "line": "line 0"}


async def test_a_log_that_is_read_again_by_another_worker_is_there_once(
    connect: Callable[[], Connection],
) -> None:
    spec = batch()
    first, second = connect(), connect()
    await MongoReadModel(first).accept(spec)
    async with sink_over(first) as one, sink_over(second) as other:
        one.write(lines(spec, range(30)))
        other.write(lines(spec, range(50)))
        assert await one.flush(30)
        assert await other.flush(30)
    events = await stored(first)
    assert sorted(str(event.data["line"]) for event in events) == sorted(f"line {n}" for n in range(50))
    output = await output_of(first, spec)
    assert output is not None
    assert output.splitlines() == [f"[default/web-01 redis] line {number}" for number in range(50)]


async def test_lines_wait_in_order_while_the_database_is_away(mortal_mongodb: EmbeddedMongo) -> None:
    spec = batch()
    connection = Connection(mortal_mongodb.uri, "test")
    await MongoReadModel(connection).accept(spec)
    async with sink_over(connection) as sink:
        sink.write(lines(spec, range(10)))
        assert await sink.flush(30)
        mortal_mongodb.kill()
        for number in range(10, 40):
            sink.write(lines(spec, [number]))
            await asyncio.sleep(0)
        assert not await sink.flush(0.5)
        mortal_mongodb.start()
        sink.write(lines(spec, range(40, 45)))
        assert await sink.flush(60)
    assert [event.data["line"] for event in await stored(connection)] == [f"line {n}" for n in range(45)]
    assert str(await output_of(connection, spec)).endswith("line 44")
    connection.close()


async def test_memory_is_bounded_and_what_was_left_out_is_said(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(log_sink, "MAX_WAITING", 100)
    async with sink_over(connection) as sink:
        sink.write(lines(batch(), range(130)))
        assert await sink.flush(30)
    assert [event.data["line"] for event in await stored(connection)] == [f"line {n}" for n in range(30, 130)]
    assert "30 log lines were left out" in caplog.text


async def test_a_running_task_shows_the_end_of_its_log(connection: Connection) -> None:
    spec = batch()
    await MongoReadModel(connection).accept(spec)
    async with sink_over(connection) as sink:
        sink.write(lines(spec, range(40), text="x" * 200))
        assert await sink.flush(30)
        output = await output_of(connection, spec)
        assert output is not None
        assert TAIL - 300 < len(output) <= TAIL
        assert output.endswith("x 39")
        sink.write(lines(spec, [40], text="y" * 100_000))
        assert await sink.flush(30)
        assert len(str(await output_of(connection, spec))) < TAIL + 100


@pytest.mark.parametrize("output", ["the end", "", None])
async def test_late_lines_never_replace_the_final_output(connection: Connection, output: str | None) -> None:
    spec = batch()
    await MongoReadModel(connection).accept(spec)
    async with sink_over(connection) as sink:
        sink.write(lines(spec, range(3)))
        assert await sink.flush(30)
        await end(connection, spec, output)
        assert await output_of(connection, spec) == output
        sink.write(lines(spec, range(3, 6)))
        assert await sink.flush(30)
    assert await output_of(connection, spec) == output
    assert len(await stored(connection)) == 6


async def test_a_line_that_cannot_be_stored_costs_no_other(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    spec = batch()
    await MongoReadModel(connection).accept(spec)
    bad = lines(spec, [7])[0].model_copy(update={"text": "half a character: \ud800"})
    async with sink_over(connection) as sink:
        sink.write([*lines(spec, range(7)), bad, *lines(spec, range(8, 20))])
        assert await sink.flush(30)
        sink.write(lines(spec, [20]))
        assert await sink.flush(30)
    wanted = [f"line {number}" for number in range(21) if number != 7]
    assert [event.data["line"] for event in await stored(connection)] == wanted
    assert len(str(await output_of(connection, spec)).splitlines()) == 20
    assert "job job, line 7" in caplog.text
