"""From one stack to another: the database as a file, the same state directory, and a Temporal that is new."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from activities.providers.local.entry import build_local
from activities.settings import Settings
from deploy.local.parts import environment_of
from tests.e2e.test_api_batches import data, execute, operation, working
from tests.e2e.test_api_rollbacks import completed, make_checkpoint, roll_back, servers
from tests.support.api import api_settings, running_api
from tests.support.mongodb import EmbeddedMongo
from tests.support.stack import ROOT
from tests.support.temporal import connect, start_dev_server


@pytest.fixture
async def other_temporal(tmp_path: Path) -> AsyncIterator[Client]:
    process, target = await start_dev_server(tmp_path)
    try:
        yield await connect(target)
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture
async def old(mongodb: EmbeddedMongo, temporal: Client, tmp_path: Path) -> AsyncIterator[Settings]:
    settings = api_settings(tmp_path / "state", mongodb, temporal)
    yield settings
    await build_local(settings).remove_all()


async def test_what_was_done_before_can_be_looked_at_and_undone(
    old: Settings,
    mongodb: EmbeddedMongo,
    temporal: Client,
    other_temporal: Client,
    tmp_path: Path,
) -> None:
    async with running_api(old, temporal) as api, working(api):
        checkpoint = await make_checkpoint(api)
        batch_id = await completed(api, operation("moved"))
        world, listed = await servers(api), await data(api, "/tasks")

    new = api_settings(old.state_dir, mongodb, other_temporal)
    file = str(tmp_path / "dump")
    assert "saved" in await run(old, "save", file)
    assert "loaded" in await run(new, "load", file)

    # Who logs in is the old admin: there is one, so none is made.
    async with running_api(new, other_temporal) as api, working(api):
        assert await servers(api) == world
        assert await data(api, "/tasks") == listed
        assert (await data(api, f"/batch/operations/{batch_id}"))["status"] == "Completed"
        await roll_back(api, checkpoint_id=checkpoint)
        assert await servers(api) == {}
    assert list(build_local(new).servers()) == []
    assert "the database is not empty" in await run(new, "load", file, code=1)


async def test_what_is_under_way_is_not_saved_by_halves(
    old: Settings, temporal: Client, tmp_path: Path
) -> None:
    async with running_api(old, temporal) as api:
        batch_id = await execute(api, operation("moving"))
        assert "2 batches and tasks have not ended" in await run(old, "save", str(tmp_path / "dump"), code=1)
        await api.temporal.get_workflow_handle(batch_id).terminate()
    assert not (tmp_path / "dump").exists()


async def run(settings: Settings, *arguments: str, code: int = 0) -> str:
    """What `python -m activities.mongo` says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "activities.mongo", *arguments),
        cwd=ROOT,
        env=environment_of(settings, os.environ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == code, said
    return said.decode()
