"""A worker says that it lives, for as long as it does."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import uuid4

import psutil

from activities.monitoring_ports import WorkerProcess, WorkerRegistry
from workflows.domain.errors import Unavailable

log = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between two beats."""
AGAIN_AFTER = 1.0
"""Seconds after a beat that was not taken."""
LAST_WORD = 1.5
"""Seconds that a stop may take to strike the worker out."""


@contextlib.asynccontextmanager
async def presence(registry: WorkerRegistry, task_queue: str, every: float = EVERY) -> AsyncIterator[None]:
    """Keeps this process in the registry while the block runs. Never fails, and never holds the block up."""
    me = WorkerProcess(
        id=str(uuid4()),
        host=socket.gethostname(),
        pid=os.getpid(),
        task_queue=task_queue,
        started_at=datetime.now(UTC),
    )
    stopping = asyncio.Event()
    beating = asyncio.create_task(_beat(registry, me, every, stopping))
    try:
        yield
    finally:
        stopping.set()
        with contextlib.suppress(TimeoutError, Unavailable):  # then it falls silent instead
            async with asyncio.timeout(LAST_WORD):
                # A beat that is under way ends first: after the leave it would enter the worker again.
                await beating
                await registry.leave(me.id)
        beating.cancel()


async def _beat(registry: WorkerRegistry, me: WorkerProcess, every: float, stopping: asyncio.Event) -> None:
    looked_round = False
    while not stopping.is_set():
        pause = every
        try:
            await registry.beat(me)
            if not looked_round:
                await _strike_out_the_dead(registry, me)
                looked_round = True
        except Unavailable:
            pause = AGAIN_AFTER
        except Exception:
            log.exception("a beat failed")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), pause)


async def _strike_out_the_dead(registry: WorkerRegistry, me: WorkerProcess) -> None:
    """A worker that was killed could not leave; whoever starts on the same machine sees that it is gone.

    Machines may share a name: a worker that is struck out and lives enters again with its next beat.
    """
    for other, _ in await registry.workers(me.task_queue):
        if other.host != me.host or other.id == me.id:
            continue
        if other.pid == me.pid or not psutil.pid_exists(other.pid):
            log.info("worker %s (pid %s) is gone", other.id, other.pid)
            await registry.leave(other.id)
