"""Keeps an activity known to be alive while it waits, which is also how it learns of cancellation."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from temporalio import activity


@contextlib.asynccontextmanager
async def heartbeat() -> AsyncIterator[None]:
    """Heartbeats at a third of the activity's heartbeat timeout until the block is left.

    Does nothing where there is no such timeout, or no activity: implementations can be called by themselves.
    """
    timeout = activity.info().heartbeat_timeout if activity.in_activity() else None
    beating = asyncio.create_task(_beat(timeout.total_seconds() / 3)) if timeout else None
    try:
        yield
    finally:
        if beating is not None:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating


async def _beat(seconds: float) -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(seconds)
