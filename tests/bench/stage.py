"""What the bench runs on: one dev server, one embedded MongoDB, and a worker process for each side.

The workers are processes of their own, as in production: in one process they would share a GIL with each
other and with the client that measures them, and neither number would mean anything.
"""

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from temporalio.client import Client

from deploy.local.program import tied
from tests.support.mongodb import EmbeddedMongo
from tests.support.temporal import connect, start_dev_server

_ROOT = Path(__file__).parents[2]
_PATIENCE = 30.0


@dataclass(frozen=True)
class Stage:
    """`processes` are the parts whose CPU time is of interest, by name."""

    ours: Client
    bare: Client
    processes: dict[str, psutil.Process]

    def cpu_seconds(self) -> dict[str, float]:
        """What each part has used so far."""
        times = {name: process.cpu_times() for name, process in self.processes.items()}
        return {name: one.user + one.system for name, one in times.items()}


@contextlib.asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    async with contextlib.AsyncExitStack() as stack:
        server, target = await start_dev_server(folder)
        stack.push_async_callback(_end, server)
        ours = await connect(target)
        mongodb = EmbeddedMongo(folder)
        mongodb.start()
        stack.callback(mongodb.stop)
        workers = {kind: await _worker(kind, target, mongodb.uri, folder, stack) for kind in ("bare", "ours")}
        processes = {**workers, "temporal": psutil.Process(server.pid), "mongodb": mongodb_process(mongodb)}
        yield Stage(ours, await Client.connect(target), processes)


async def _worker(
    kind: str, target: str, mongodb_uri: str, folder: Path, stack: contextlib.AsyncExitStack
) -> psutil.Process:
    process = await asyncio.create_subprocess_exec(
        *tied(sys.executable, "-m", "tests.bench.worker", kind, target, mongodb_uri, str(folder)),
        cwd=_ROOT,
        stdout=PIPE,
    )
    stack.push_async_callback(_end, process)
    assert process.stdout is not None
    async with asyncio.timeout(_PATIENCE):
        if await process.stdout.readline() != b"ready\n":
            raise RuntimeError(f"the {kind} worker did not start")
    return psutil.Process(process.pid)


async def _end(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_PATIENCE):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def mongodb_process(mongodb: EmbeddedMongo) -> psutil.Process:
    """The process that listens at the server's port."""
    for child in psutil.Process().children(recursive=True):
        if any(c.laddr.port == mongodb.port and c.status == "LISTEN" for c in child.net_connections("tcp")):
            return child
    raise RuntimeError("the embedded MongoDB listens nowhere")
