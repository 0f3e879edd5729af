"""A worker in a test's own process, started anew where it fails, as a supervisor does with its process."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

from temporalio.worker import Worker

log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def supervised(make: Callable[[], Worker]) -> AsyncIterator[None]:
    """Works while the block runs.

    A dev server that is short of processor time says now and then that there is no namespace, and the SDK
    gives such a worker up. Whoever waited for its work would wait for ever.
    """
    current = make()
    ending = False

    async def work() -> None:
        nonlocal current
        while True:
            try:
                await current.run()
            except RuntimeError as error:
                log.warning("the worker failed, and another takes its place: %s", error)
            if ending:
                return
            current = make()

    task = asyncio.create_task(work())
    try:
        yield
    finally:
        ending = True
        await current.shutdown()
        await task
