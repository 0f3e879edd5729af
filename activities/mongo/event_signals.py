"""Says when the event log has grown, by one change stream for the whole process.

The stream carries no events. It cannot be relied upon: a server that was away, a resume token that is too old
(error 286) or a stream that lags may all skip something without a word. So it only wakes whoever reads the
log by number, and after any trouble with it they are woken too.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from activities.mongo.connection import Connection
from workflows.domain.errors import Unavailable

log = logging.getLogger(__name__)

_AWAIT_MS = 500
"""How long the server holds a request for changes; a stop waits for it."""

_LONGEST_PAUSE = 2.0
_LAST_REQUEST = 3.0
"""Seconds for the request that is under way at a stop."""


class MongoEventSignals:
    """Implements `EventSignals`. Watches in the background from the first wait on, and never gives up."""

    def __init__(self, connection: Connection) -> None:
        self._events = connection.collection("events")
        self._wake = asyncio.Event()
        self._closed = False
        self._task: asyncio.Task[None] | None = None

    async def wait(self, seconds: float) -> None:
        """Returns when something may have been appended since the last wait, or after `seconds`."""
        if self._task is None and not self._closed:
            self._task = asyncio.create_task(self._run(), name="event signals")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()

    async def close(self) -> None:
        """Lets the request that is under way end: two threads must not use one stream."""
        self._closed = True
        if self._task is None:
            return
        _, late = await asyncio.wait({self._task}, timeout=_LAST_REQUEST)
        for task in late:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        pause = 0.1
        while not self._closed:
            opened = False
            try:
                async for _ in self._changes():
                    opened = True
                    self._wake.set()
            except Unavailable as error:
                log.debug("the change stream of the events broke: %s", error.message)
            except Exception:
                log.exception("the change stream of the events broke")
            pause = 0.1 if opened else min(_LONGEST_PAUSE, pause * 2)
            if not self._closed:
                await asyncio.sleep(pause)

    async def _changes(self) -> AsyncIterator[None]:
        """Yields when the stream stands, and at each change."""
        async with (
            self._events.opened() as collection,
            # Each stream begins anew, without a token: what happened in between is read from the log.
            collection.watch([{"$project": {"_id": 1}}], max_await_time_ms=_AWAIT_MS) as stream,
        ):
            await stream.try_next()
            yield
            while not self._closed:
                if await stream.try_next() is not None:
                    yield
