"""A program that is started again whenever it ends, until the stack stops."""

import asyncio
import contextlib
import time
from collections.abc import Callable

from deploy.local.errors import DoesNotStart
from deploy.local.logs import Log
from deploy.local.program import Program, Running, how_it_ended
from deploy.local.state_dir import StateDir

FIRST_DELAY = 0.2
LONGEST_DELAY = 5.0
STEADY = 30.0
"""Seconds after which a process counts as healthy, so that its next end is a first one again."""

HOPELESS = 8
"""So many ends in a row, each soon after the start, while somebody waits for the program to come up."""


class Member:
    """One program under supervision."""

    def __init__(self, program: Program, state_dir: StateDir, tell: Callable[[str], None]) -> None:
        self.program = program
        self.log = Log(state_dir.log / f"{program.name}.log")
        self._pid_file = state_dir.pid_file(program.name)
        self._tell = tell
        self._running: Running | None = None
        self._printed_from = 0
        self._ends_in_a_row = 0
        self._stop = asyncio.Event()
        self._life: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to keep the program running."""
        self._life = asyncio.create_task(self._live(), name=self.program.name)

    async def up(self) -> None:
        """Waits until the program serves.

        Raises:
            DoesNotStart: it ends again and again.
        """
        while not await self._is_up():
            self.raise_if_hopeless()
            await asyncio.sleep(0.05)

    def raise_if_hopeless(self) -> None:
        """Raises DoesNotStart when the program ended `HOPELESS` times in a row, with its last words."""
        if self._ends_in_a_row >= HOPELESS:
            raise DoesNotStart(
                f"{self.program.name} does not start: {self.log.last_line()} (all of it: {self.log.path})"
            )

    async def _is_up(self) -> bool:
        process = self._running
        if process is None or process.has_ended:
            return False
        answered = await self.program.is_up(self.log.since(self._printed_from))
        # Had it died meanwhile, somebody else might have answered at its port.
        return answered and not process.has_ended

    async def stop(self) -> None:
        """Ends the program: kindly, and after its patience by force. May be called again."""
        self._stop.set()
        if self._life is None:
            return
        if self._running is not None:
            self._running.ask_to_end()
        _, still_living = await asyncio.wait({self._life}, timeout=self.program.patience)
        if still_living:
            self._tell(f"{self.program.name} did not end in {self.program.patience:g} s; killing it")
            self.kill()
            await asyncio.wait({self._life})

    def kill(self) -> None:
        """Ends the program at once."""
        self._stop.set()
        if self._running is not None:
            self._running.kill()

    async def _live(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            how = await self._live_once()
            steady = time.monotonic() - began > STEADY
            self._ends_in_a_row = 1 if steady else self._ends_in_a_row + 1
            if not self._stop.is_set():
                await self._pause(how)

    async def _live_once(self) -> str:
        """Runs the program to its end; says how that was."""
        try:
            self._printed_from = self.log.size()
            self._running = running = await Running.start(self.program, self.log)
        except OSError as error:  # no memory, no descriptors, no room: that may pass
            return f"cannot be started: {error}"
        if self._stop.is_set():  # asked for while the process was being made
            running.ask_to_end()
        self._write_pid(running.pid)
        code = await running.end()
        self._pid_file.remove()
        self._running = None
        words = f" ({self.log.last_line()})" if code > 0 else ""
        return how_it_ended(code) + words

    def _write_pid(self, pid: int) -> None:
        try:
            self._pid_file.write(pid)
        except OSError as error:
            self._tell(f"{self.program.name} runs as pid {pid}, which cannot be noted: {error}")

    async def _pause(self, how: str) -> None:
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** (self._ends_in_a_row - 1))
        again = "starting it again" if delay < 1 else f"starting it again in {delay:g} s"
        self._tell(f"{self.program.name} {how}; {again}")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), delay)
