"""What becomes of a workflow that is terminated by hand: it comes back once, and clears up."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from temporalio.client import WorkflowExecutionStatus

from activities.aftercare import Aftercare
from activities.ports import ReadModel
from tests.support import rollbacks
from tests.support.batches import batch, server_operation, taskserv_operation
from tests.support.engine import Engine, Handle
from tests.support.stack import eventually
from workflows.domain.batches import BatchSpec
from workflows.domain.errors import Unavailable
from workflows.domain.identity import task_id
from workflows.domain.records import BatchRecord
from workflows.domain.states import BatchStatus, TaskStatus

STARTED = datetime.now(UTC) - timedelta(minutes=1)


def made_and_held(name: str) -> BatchSpec:
    """A server with a service, and then another server that is not made before it is released."""
    return batch(
        server_operation(f"{name}-made"),
        taskserv_operation(f"{name}-on", [f"{name}-made"]),
        server_operation(f"{name}-held", [f"{name}-on"], hold="yes"),
    )


async def held(engine: Engine, wanted: BatchSpec) -> Handle:
    """Started, and with the last operation under way."""
    handle = await engine.start(wanted)

    async def under_way() -> bool:
        rows = await engine.tasks(wanted)
        last = wanted.operations[-1].id
        return last in rows and rows[last].status is TaskStatus.RUNNING

    await eventually(lambda: engine.provider.is_held(wanted.operations[-1].id))
    await eventually(under_way)
    return handle


async def terminate(engine: Engine, *workflow_ids: str) -> None:
    for workflow_id in workflow_ids:
        await engine.client.get_workflow_handle(workflow_id).terminate(reason="it hangs")


def aftercare(engine: Engine) -> Aftercare:
    return Aftercare(engine.client, engine.task_queue, engine.stores.read_model, engine.records)


async def look(engine: Engine, workflow_id: str) -> None:
    """Looks until the execution is no longer one that was terminated."""

    async def came_back() -> bool:
        await aftercare(engine).look(STARTED)
        found = await engine.client.get_workflow_handle(workflow_id).describe()
        return found.status is not WorkflowExecutionStatus.TERMINATED

    await eventually(came_back)


async def statuses(engine: Engine, wanted: BatchSpec) -> list[TaskStatus]:
    rows = await engine.tasks(wanted)
    return [rows[operation.id].status for operation in wanted.operations]


async def assert_cleared_up(engine: Engine, wanted: BatchSpec) -> None:
    record = await engine.stores.read_model.batch(wanted.batch_id)
    assert record is not None and record.remaining == ()
    assert record.status is BatchStatus.CANCELLED
    assert record.error == "its workflow was terminated: it hangs"
    names = {f"default/{one.id}" for one in wanted.operations}
    assert names & engine.provider.servers.keys() == set()
    known = {item.server.key for item in await engine.stores.inventory.servers("default")}
    assert names & known == set()
    page = await engine.stores.ledger.page(batch_id=wanted.batch_id, limit=100, offset=0)
    done = {entry.effect.id for entry in page.items if entry.effect.cause.undoes is None}
    assert {entry.effect.cause.undoes for entry in page.items} - {None} == done


@pytest.mark.parametrize("meanwhile", ["runs on", "has ended", "terminated too", "terminated first"])
async def test_a_batch_comes_back_and_takes_everything_back(engine: Engine, meanwhile: str) -> None:
    wanted = made_and_held(f"tb-{meanwhile.replace(' ', '-')}")
    handle = await held(engine, wanted)
    last = wanted.operations[-1].id
    operation = engine.client.get_workflow_handle(task_id(handle.id, last))
    if meanwhile == "terminated first":
        await terminate(engine, operation.id)
    await terminate(engine, handle.id)
    if meanwhile == "has ended":
        engine.provider.release(last)
        await operation.result()
    elif meanwhile == "terminated too":
        await terminate(engine, operation.id)
    await look(engine, handle.id)
    async with asyncio.timeout(60):
        await engine.client.get_workflow_handle(handle.id).result()
    await assert_cleared_up(engine, wanted)
    assert (await statuses(engine, wanted))[:2] == [TaskStatus.COMPLETED] * 2


async def test_an_operation_comes_back_and_its_batch_takes_the_rest_back(engine: Engine) -> None:
    wanted = made_and_held("to")
    handle = await held(engine, wanted)
    await terminate(engine, task_id(handle.id, "to-held"))
    async with asyncio.timeout(60):
        result = await handle.result()
    assert (result.status, result.failed, result.remaining) == (BatchStatus.FAILED, 1, ())
    assert {"default/to-made", "default/to-held"} & engine.provider.servers.keys() == set()
    row = (await engine.tasks(wanted))["to-held"]
    assert (row.status, row.error) == (TaskStatus.FAILED, "its workflow was terminated: it hangs")


async def test_whoever_waits_for_its_servers_brings_it_back(engine: Engine) -> None:
    wanted = made_and_held("tl")
    handle = await held(engine, wanted)
    await terminate(engine, handle.id)
    async with asyncio.timeout(120):
        result = await engine.run(batch(server_operation("tl-made", servers=["tl-made"])))
        # It gives its locks back before it writes down how it ended.
        await engine.client.get_workflow_handle(handle.id).result()
    assert result.status is BatchStatus.COMPLETED
    record = await engine.stores.read_model.batch(handle.id)
    assert record is not None and record.status is BatchStatus.CANCELLED
    # What it made was taken back before the other one made it anew.
    assert engine.provider.servers["default/tl-made"].owner != task_id(handle.id, "tl-made")


async def test_terminated_again_it_is_written_down_as_failed(engine: Engine) -> None:
    wanted = batch(
        server_operation("tt-made", delete_seconds="60"),
        server_operation("tt-held", ["tt-made"], hold="yes"),
        server_operation("tt-never", ["tt-held"]),
    )
    handle = await engine.start(wanted)
    await eventually(lambda: engine.provider.is_held("tt-held"))
    await terminate(engine, handle.id)
    await look(engine, handle.id)
    await eventually(lambda: engine.provider.busy > 0)  # it is being taken back
    await terminate(engine, handle.id)

    async def settled() -> bool:
        await aftercare(engine).look(STARTED)
        record = await engine.stores.read_model.batch(handle.id)
        return record is not None and record.status is BatchStatus.FAILED

    await eventually(settled)
    record = await engine.stores.read_model.batch(handle.id)
    assert record is not None and "was terminated and could not clear up" in (record.error or "")
    assert not {TaskStatus.RUNNING, TaskStatus.PENDING} & set(await statuses(engine, wanted))
    # What it left is known, and can be undone.
    engine.provider.mend("default/tt-made")
    await rollbacks.undo(engine, f"{handle.id}/tt-made")
    assert "default/tt-made" not in engine.provider.servers


class Rows:
    """The read model, in a database that may be away."""

    def __init__(self, rows: ReadModel) -> None:
        self._rows = rows
        self.are_away = True
        self.asked_for: set[str] = set()

    async def batch(self, batch_id: str) -> BatchRecord | None:
        self.asked_for.add(batch_id)
        if self.are_away:
            raise Unavailable("the database is away")
        return await self._rows.batch(batch_id)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rows, name)


async def test_what_ended_while_the_database_was_away_is_written_down_once_it_is_back(engine: Engine) -> None:
    wanted = batch(
        server_operation("ta-made", delete_seconds="60"), server_operation("ta-held", ["ta-made"], hold="yes")
    )
    handle = await engine.start(wanted)
    await eventually(lambda: engine.provider.is_held("ta-held"))
    await terminate(engine, handle.id)
    await look(engine, handle.id)
    await eventually(lambda: engine.provider.busy > 0)
    await terminate(engine, handle.id)
    rows = Rows(engine.stores.read_model)
    caring = Aftercare(engine.client, engine.task_queue, cast("ReadModel", rows), engine.records)

    async def looked_for() -> bool:
        await caring.look(STARTED)
        return handle.id in rows.asked_for

    await eventually(looked_for)
    rows.are_away = False
    # As long after: it is listed no more.
    await caring.look(datetime.now(UTC) + timedelta(minutes=1))
    record = await engine.stores.read_model.batch(handle.id)
    assert record is not None and record.status is BatchStatus.FAILED
    engine.provider.mend("default/ta-made")
    await rollbacks.undo(engine, f"{handle.id}/ta-made")


async def test_a_rollback_comes_back_and_leaves_the_rest(engine: Engine) -> None:
    before = await rollbacks.checkpoint(engine)
    names = [f"tr-{number}" for number in range(14)]
    await engine.run(batch(*(server_operation(name, delete_seconds="0.5") for name in names)))
    handle = await rollbacks.start(engine, await rollbacks.planner(engine).to_checkpoint(before))
    await eventually(lambda: engine.provider.busy > 0)
    await terminate(engine, handle.id)
    await look(engine, handle.id)
    outcome = await engine.client.get_workflow_handle(handle.id).result()
    assert outcome["status"] == TaskStatus.CANCELLED
    assert await rollbacks.inventory(engine) == rollbacks.reality(engine)
    await rollbacks.back_to(engine, before)
    assert not [key for key in engine.provider.servers if key.startswith("default/tr-")]
