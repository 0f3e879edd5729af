"""A real Temporal dev server for the session, with the search attributes that the workflows set."""

import asyncio
import sysconfig
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from deploy.local.ports import free_port
from deploy.local.program import tied
from workflows.codec import data_converter

_PATIENCE = 120.0
"""Seconds for the server to answer, on a machine that has much else to do."""

ATTRIBUTES = ("BatchId", "OperationId", "Infra", "Provider", "TaskStatus")


async def start_dev_server(folder: Path, *extra: str) -> tuple[asyncio.subprocess.Process, str]:
    """The server's process and its `host:port`, tuned as the embedded stack tunes it."""
    port = free_port()
    rates = ("transferProcessorMaxPollRPS", "timerProcessorMaxPollRPS", "visibilityProcessorMaxPollRPS")
    arguments = [
        "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(port), "--log-level", "error",
        "--db-filename", str(folder / "temporal.db"),
        "--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=1",
        *(part for rate in rates for part in ("--dynamic-config-value", f"history.{rate}=2000")),
        *(part for name in ATTRIBUTES for part in ("--search-attribute", f"{name}=Keyword")),
        *extra,
    ]  # fmt: skip
    binary = Path(sysconfig.get_path("scripts")) / "temporal"
    process = await asyncio.create_subprocess_exec(
        *tied(str(binary), *arguments),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return process, f"127.0.0.1:{port}"


async def connect(target: str) -> Client:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            return await Client.connect(target, data_converter=data_converter)
        except RuntimeError:
            await asyncio.sleep(0.1)
    raise RuntimeError(f"no Temporal server answers at {target}")


@pytest.fixture(scope="session")
def temporal_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the session's server has its database."""
    return tmp_path_factory.mktemp("temporal")


@pytest.fixture(scope="session")
async def temporal(temporal_folder: Path) -> AsyncIterator[Client]:
    process, target = await start_dev_server(temporal_folder)
    try:
        yield await connect(target)
    finally:
        process.terminate()
        await process.wait()
