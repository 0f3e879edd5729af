"""A worker in a process of its own: `python -m tests.bench.worker KIND TEMPORAL MONGODB FOLDER`.

Both kinds are made by the same `create_worker`, so their options are the very same ones. Says `ready` when it
polls, and ends at SIGTERM.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from temporalio.client import Client

from tests.bench.bare import BARE_WORKFLOWS, BareActivities
from tests.support.engine import running_engine
from tests.support.temporal import connect
from worker import create_worker


async def main(kind: str, target: str, mongodb_uri: str, folder: str) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    if kind == "ours":
        client = await connect(target)
        async with running_engine(client, mongodb_uri, Path(folder), name=kind, strict=False):
            await _until(stopping)
    else:
        async with create_worker(
            await Client.connect(target), kind, [BareActivities()], workflows=BARE_WORKFLOWS
        ):
            await _until(stopping)


async def _until(stopping: asyncio.Event) -> None:
    print("ready", flush=True)
    await stopping.wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
    # The SDK's own threads may still call into Python, and abort the process while it takes itself apart.
    os._exit(0)
