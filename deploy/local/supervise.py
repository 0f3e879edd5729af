"""A stack in the foreground: Ctrl-C stops it cleanly, a second one at once."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

from deploy.local.stack import LocalStack

STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Counts the requests to stop, so that the second can mean more than the first."""

    def __init__(self) -> None:
        self._first = asyncio.Event()
        self._second = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in STOPPING_SIGNALS:
            loop.add_signal_handler(number, self._note)

    def _note(self) -> None:
        (self._second if self._first.is_set() else self._first).set()

    @property
    def came(self) -> bool:
        return self._first.is_set()

    async def first(self) -> None:
        await self._first.wait()

    async def second(self) -> None:
        await self._second.wait()


async def while_supervised(
    stack: LocalStack,
    work: Callable[[], Awaitable[None]],
    interrupts: Interrupts,
    tell: Callable[[str], None],
) -> bool:
    """Starts the stack, does `work`, and stops the stack however that ended.

    Returns:
        False if it was interrupted before `work` was done.

    Raises:
        StackError: the stack does not start, or what `work` raises.
    """
    try:
        return await _unless(interrupts.first(), _start_and(stack, work))
    finally:
        if interrupts.came:
            tell("stopping (Ctrl-C again: at once)")
        if not await _unless(interrupts.second(), stack.stop()):
            stack.kill()
            await stack.stop()


async def _start_and(stack: LocalStack, work: Callable[[], Awaitable[None]]) -> None:
    await stack.start()
    await work()


async def _unless(interrupt: Awaitable[None], work: Awaitable[None]) -> bool:
    """Does `work` unless `interrupt` comes first; says whether it was done."""
    doing, waiting = asyncio.ensure_future(work), asyncio.ensure_future(interrupt)
    try:
        await asyncio.wait({doing, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        if not doing.done():
            doing.cancel()
            await asyncio.wait({doing})
    if doing.cancelled():
        return False
    doing.result()
    return True
