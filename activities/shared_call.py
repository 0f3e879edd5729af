"""A blocking call that may hang, such as one to a file system, without piling up."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedCall(Generic[T]):
    """Runs `call` in a thread. Whoever asks while it runs waits for the same run.

    So a call that hangs holds one thread, however often it is asked and however soon askers give up.
    """

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._running: asyncio.Task[T] | None = None

    async def result(self) -> T:
        """Raises what the call raises."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(asyncio.to_thread(self._call))
        return await asyncio.shield(self._running)
