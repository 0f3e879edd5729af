"""Work that must come to its end even where whoever waits for it is cancelled."""

import asyncio
from typing import TypeVar

T = TypeVar("T")


async def finish(work: asyncio.Task[T]) -> T:
    """Waits for `work` to end even while being cancelled, and then passes the cancellation on.

    Where the work failed, its error is raised and not the cancellation.
    """
    cancelled = False
    while not work.done():
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            cancelled = True
    result = work.result()
    if cancelled:
        raise asyncio.CancelledError
    return result
