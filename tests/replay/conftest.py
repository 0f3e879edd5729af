"""The engine on a dev server where long batches are continued early."""

from collections.abc import AsyncIterator

import pytest

from tests.replay.brief import FLAGS
from tests.support.engine import Engine, running_engine
from tests.support.mongodb import EmbeddedMongo
from tests.support.temporal import connect, start_dev_server


@pytest.fixture(scope="session")
async def brief_engine(
    mongodb: EmbeddedMongo, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Engine]:
    process, target = await start_dev_server(tmp_path_factory.mktemp("brief"), *FLAGS)
    try:
        folder = tmp_path_factory.mktemp("brief-engine")
        client = await connect(target)
        async with running_engine(client, mongodb.uri, folder, name="brief", strict=False) as engine:
            yield engine
    finally:
        process.terminate()
        await process.wait()
