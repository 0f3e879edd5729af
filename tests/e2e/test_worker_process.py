"""The worker as a process, where there is no Temporal to work for."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.ports import free_port
from tests.support.deaf_server import deaf_server
from tests.support.stack import ROOT, eventually

OWN = "PROVISIONING_"


@pytest.fixture(params=["nobody", "deaf"])
async def waiting(
    tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker that looks for Temporal, where nobody is, or nobody answers and no call ends by itself."""
    async with deaf_server() as deaf:
        address = deaf.address if request.param == "deaf" else f"127.0.0.1:{free_port()}"
        worker = await start(tmp_path, TEMPORAL_ADDRESS=address)
        try:
            await eventually((tmp_path / "pulse").exists)
            if request.param == "deaf":
                await deaf.called.wait()
            yield worker
        finally:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()


async def start(folder: Path, **settings: str) -> asyncio.subprocess.Process:
    given = {"STATE_DIR": str(folder), "PULSE_FILE": str(folder / "pulse"), **settings}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "worker"),
        cwd=ROOT,
        env=os.environ | {OWN + name: value for name, value in given.items()},
        stderr=asyncio.subprocess.PIPE,
    )


async def test_it_lives_and_ends_when_it_is_asked_to(
    waiting: asyncio.subprocess.Process, tmp_path: Path
) -> None:
    assert (tmp_path / "pulse").read_text() == "starting\n"
    waiting.send_signal(signal.SIGTERM)
    async with asyncio.timeout(30):
        assert await waiting.wait() == 0
    assert not (tmp_path / "pulse").exists()


async def test_a_certificate_that_is_not_there_is_told(tmp_path: Path) -> None:
    worker = await start(tmp_path, TEMPORAL_CA_FILE=str(tmp_path / "none.pem"))
    _, said = await worker.communicate()
    assert worker.returncode == 2
    assert said.decode() == (
        f"PROVISIONING_TEMPORAL_CA_FILE: {tmp_path}/none.pem cannot be read: No such file or directory\n"
    )
