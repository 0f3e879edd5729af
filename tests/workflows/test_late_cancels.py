"""Cancels that come while a batch waits for its reports to be written, as where MongoDB is away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from temporalio.client import Client

from tests.support.batches import batch, server_operation
from tests.support.engine import Engine, Handle, running_engine
from tests.support.held_records import HeldRecords
from tests.support.mongodb import EmbeddedMongo
from tests.support.stack import eventually
from workflows.batch import BatchWorkflow
from workflows.domain.batches import BatchSpec
from workflows.domain.progress import ProgressInfo
from workflows.domain.states import BatchStatus


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
