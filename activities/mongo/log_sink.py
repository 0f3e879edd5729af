"""Carries the lines of remote jobs into the event log and into the running tasks' output."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Sequence

from activities.mongo.live_output import LiveOutput
from activities.ports import EventLog, LogLine
from workflows.domain.errors import ProvisioningError
from workflows.domain.events import Event, EventType
from workflows.domain.identity import record_id

log = logging.getLogger(__name__)

MAX_WAITING = 50_000
"""Lines that wait in memory at most. Beyond it the oldest are left out, and the log says how many."""

CHUNK = 500
"""Lines in one write."""

GATHER = 0.3
"""Seconds between two writes, so that a stream of single lines becomes a few writes."""

LONGEST_PAUSE = 5.0


class MongoLogSink:
    """Implements `LogSink`. Writes in the background from the first line on."""

    def __init__(self, event_log: EventLog, live_output: LiveOutput) -> None:
        self._event_log = event_log
        self._live_output = live_output
        self._waiting: deque[LogLine] = deque()
        self._left_out = 0
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._hurried = 0
        self._hurry = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def write(self, lines: Sequence[LogLine]) -> None:
        """Takes the lines and returns at once. Called from the event loop's thread."""
        if not lines:
            return
        self._waiting.extend(lines)
        while len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
            self._left_out += 1
        self._idle.clear()
        self._wake.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="log sink")

    async def flush(self, seconds: float) -> bool:
        """Waits up to `seconds` for all lines so far to be stored; False if they are not yet."""
        self._hurried += 1
        self._hurry.set()
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        finally:
            self._hurried -= 1
            if not self._hurried:
                self._hurry.clear()
        return True

    async def close(self, seconds: float) -> None:
        """Stores what waits, for up to `seconds`, and ends the writing."""
        if not await self.flush(seconds):
            log.warning("%d log lines could not be stored any more", len(self._waiting))
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        pause = GATHER
        while True:
            await self._wake.wait()
            try:
                await self._store_waiting()
                pause = GATHER
            except ProvisioningError as error:
                log.debug("%d log lines wait: %s", len(self._waiting), error.message)
                pause = min(LONGEST_PAUSE, pause * 2)
            await self._pause(pause)

    async def _store_waiting(self) -> None:
        while self._waiting:
            chunk = [self._waiting.popleft() for _ in range(min(CHUNK, len(self._waiting)))]
            try:
                await self._store(chunk)
            except (ProvisioningError, asyncio.CancelledError):
                self._waiting.extendleft(reversed(chunk))
                raise
        if self._left_out:
            log.warning("%d log lines were left out while the database was away", self._left_out)
            self._left_out = 0
        self._wake.clear()
        self._idle.set()

    async def _store(self, chunk: Sequence[LogLine]) -> None:
        """Stores the lines. One that cannot be stored at all, such as half a character, costs no other."""
        try:
            await self._event_log.append([_event(line) for line in chunk])
            await self._live_output.add(chunk)
        except ProvisioningError:
            raise
        except Exception:
            if len(chunk) == 1:
                log.exception("a log line was refused: job %s, line %d", chunk[0].job, chunk[0].number)
                return
            middle = len(chunk) // 2
            await self._store(chunk[:middle])
            await self._store(chunk[middle:])

    async def _pause(self, seconds: float) -> None:
        """Lets lines gather; a flush cuts it short, but not the patience with a database that is away."""
        if self._waiting:
            await asyncio.sleep(seconds)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()


def _event(line: LogLine) -> Event:
    names = {"task_id": line.task_id, "batch_id": line.batch_id, "operation_id": line.operation_id}
    known = {name: value for name, value in names.items() if value is not None}
    where = {"server": line.server} | ({"taskserv": line.taskserv} if line.taskserv else {})
    return Event(
        id=record_id(line.job, "log", line.number),
        event_type=EventType.LOG_ENTRY,
        timestamp=line.at,
        data={**known, **where, "line": line.text},
        metadata=known,
    )
