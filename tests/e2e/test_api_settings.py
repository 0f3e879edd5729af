"""Hostile settings over HTTP: each submission has its error, and everybody else has answers meanwhile."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from activities.presence import presence
from tests.e2e.test_api_batches import working
from tests.support.api import Api, api_settings, running_api
from tests.support.hostile_settings import HOSTILE, make_surroundings
from tests.support.mongodb import EmbeddedMongo

SUBMITTED = ("endless", "endless-loops", "recursion", "huge-list", "50-mb", "link-absolute")
"""What takes longest, and one of each other kind: as many as have their turn before a reader's patience ends.
All that there are: tests/contract/test_kcl_hostile.py."""


@pytest.fixture(scope="module")
async def api(
    mongodb: EmbeddedMongo, temporal: Client, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Api]:
    folder = tmp_path_factory.mktemp("settings")
    root = folder / "infra"
    root.mkdir()
    make_surroundings(root)
    for name in SUBMITTED:
        (root / name).mkdir()
        HOSTILE[name].make(root / name)
    settings = api_settings(folder / "state", mongodb, temporal)
    settings = settings.model_copy(update={"infra_dir": root})
    async with (
        running_api(settings, temporal) as api,
        # Without a worker the service would not be healthy.
        working(api),
        presence(api.services.stores.workers, settings.task_queue),
    ):
        yield api


async def test_hostile_settings_disturb_nobody(api: Api) -> None:
    async def refusal(name: str) -> str:
        answer = await api.client.post("/workflows/servers/create", json={"infra": name})
        assert answer.status_code == 422, answer.text
        return str(answer.json()["error"])

    refusals = {name: asyncio.create_task(refusal(name)) for name in SUBMITTED}
    answered = 0
    while not all(task.done() for task in refusals.values()):
        for path in ("/health", "/tasks"):
            async with asyncio.timeout(10):
                assert (await api.client.get(path)).status_code == 200
        answered += 1
        await asyncio.wait(refusals.values(), timeout=0.1)
    assert answered > 1
    for name, task in refusals.items():
        assert HOSTILE[name].says in task.result()
    tasks = (await api.client.get("/tasks")).json()["data"]
    assert tasks == []
