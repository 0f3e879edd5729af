"""Cancels that come while a batch waits for its reports to be written, as where MongoDB is away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from tests.support.batches import batch, server_operation
from tests.support.engine import Engine, Handle, running_engine
from tests.support.held_records import HeldRecords
from tests.support.mongodb import EmbeddedMongo
from tests.support.stack import eventually
from workflows.batch import BatchWorkflow
from workflows.domain.batches import BatchSpec
from workflows.domain.identity import task_id
from workflows.domain.operations import DeleteServersConfig, ServerOperation, ServerToDelete
from workflows.domain.progress import ProgressInfo
from workflows.domain.states import BatchStatus, TaskStatus


@pytest.fixture(scope="module")
async def held_engine(
    temporal: Client, mongodb: EmbeddedMongo, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Engine]:
    folder = tmp_path_factory.mktemp("late")
    async with running_engine(
        temporal, mongodb.uri, folder, name="late", strict=True, records=HeldRecords
    ) as engine:
        yield engine


async def begun(engine: Engine, wanted: BatchSpec) -> tuple[Handle, asyncio.Event]:
    """A batch whose reports are not written before the event is set."""
    assert isinstance(engine.records, HeldRecords)
    _, let_go = engine.records.hold(wanted.batch_id)
    return await engine.start(wanted), let_go


def so_far(handle: Handle, is_so: Callable[[ProgressInfo], bool]) -> Callable[[], Awaitable[bool]]:
    async def reached() -> bool:
        return is_so(await handle.query(BatchWorkflow.progress))

    return reached


@pytest.mark.parametrize("rollback_enabled", [True, False])
async def test_what_is_only_being_written_down_is_still_taken_back(
    held_engine: Engine, rollback_enabled: bool
) -> None:
    name = f"lc-{rollback_enabled}"
    wanted = batch(server_operation(name), rollback_enabled=rollback_enabled)
    handle, let_go = await begun(held_engine, wanted)
    await eventually(so_far(handle, lambda progress: progress.completed_steps == 1))
    await handle.signal(BatchWorkflow.cancel, "enough")
    let_go.set()
    result = await handle.result()
    assert (result.status, result.error, result.remaining) == (BatchStatus.CANCELLED, "enough", ())
    stays = not rollback_enabled
    assert (await held_engine.provider.find("default", name) is not None) is stays
    assert (await held_engine.stores.inventory.server("default", name) is not None) is stays


async def test_what_waits_to_look_something_up_is_not_started_any_more(held_engine: Engine) -> None:
    await held_engine.run(batch(server_operation("ls-kept")))
    config = DeleteServersConfig(operation="delete", server_configs=[ServerToDelete(name="ls-kept")])
    deletion = ServerOperation(id="ls-delete", provider="memory", dependencies=("ls-new",), config=config)
    wanted = batch(server_operation("ls-new"), deletion)
    handle, let_go = await begun(held_engine, wanted)
    await eventually(so_far(handle, lambda progress: progress.current_step == "running ls-delete"))
    await handle.signal(BatchWorkflow.cancel, "enough")
    let_go.set()
    assert (await handle.result()).status is BatchStatus.CANCELLED
    with pytest.raises(RPCError) as failure:
        await held_engine.client.get_workflow_handle(task_id(wanted.batch_id, "ls-delete")).describe()
    assert failure.value.status is RPCStatusCode.NOT_FOUND
    assert (await held_engine.tasks(wanted))["ls-delete"].status is TaskStatus.CANCELLED
    assert await held_engine.provider.find("default", "ls-kept") is not None
