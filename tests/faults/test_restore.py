"""A backup of Temporal that is older than that of MongoDB, as deploy/compose/backup.sh takes them.

What Temporal does not remember it does once more, and finds done.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

from temporalio.client import Client

from tests.support.batches import batch, server_operation
from tests.support.engine import running_engine
from tests.support.mongodb import EmbeddedMongo
from tests.support.stack import eventually
from tests.support.temporal import connect, start_dev_server
from workflows.domain.batches import BatchResult
from workflows.domain.states import BatchStatus, TaskStatus


@contextlib.asynccontextmanager
async def temporal_in(folder: Path) -> AsyncIterator[Client]:
    process, target = await start_dev_server(folder)
    try:
        yield await connect(target)
    finally:
        process.kill()
        await process.wait()


def back_up(database: Path, copy: Path) -> None:
    """As it is at this moment, while the server goes on."""
    copy.parent.mkdir()
    with (
        contextlib.closing(sqlite3.connect(database)) as source,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)


async def test_what_was_done_since_the_backup_is_not_done_twice(
    mongodb: EmbeddedMongo, tmp_path: Path
) -> None:
    name, backup = f"restore-{uuid4().hex}", tmp_path / "restored"
    wanted = batch(
        server_operation("first"),
        server_operation("held", ["first"], hold="yes"),
        server_operation("last", ["held"]),
    )
    async with (
        temporal_in(tmp_path) as temporal,
        running_engine(temporal, mongodb.uri, tmp_path, name=name, strict=False) as engine,
    ):
        provider = engine.provider
        handle = await engine.start(wanted)

        async def is_held() -> bool:
            held = (await engine.tasks(wanted)).get("held")
            return held is not None and held.status is TaskStatus.RUNNING

        await eventually(is_held)
        await asyncio.to_thread(back_up, tmp_path / "temporal.db", backup / "temporal.db")
        provider.release("held")
        assert (await handle.result()).status is BatchStatus.COMPLETED
        made = provider.servers
        ledger = await engine.stores.ledger.after(0)

    async with (
        temporal_in(backup) as temporal,
        running_engine(temporal, mongodb.uri, tmp_path, name=name, strict=False, provider=provider) as engine,
    ):
        resumed = temporal.get_workflow_handle(wanted.batch_id, result_type=BatchResult)
        assert (await resumed.result()).status is BatchStatus.COMPLETED
        assert provider.servers == made
        assert await engine.stores.ledger.after(0) == ledger
        assert len(ledger[1]) == len(wanted.operations)
        assert {task.status for task in (await engine.tasks(wanted)).values()} == {TaskStatus.COMPLETED}
