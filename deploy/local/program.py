"""What a process of the stack is, and how one is started and ended."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.logs import Log

_LAUNCHER = Path(__file__).with_name("launch.py")


def tied(program: str, *arguments: str) -> tuple[str, ...]:
    """The command line under which a program dies with this process, however that ends."""
    return (sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), program, *arguments)


async def _is_up_at_once(_printed: str) -> bool:
    return True


@dataclass(frozen=True)
class Program:
    """A process that the stack keeps running."""

    name: str
    command: tuple[str, ...]
    """The program's absolute path, and its arguments."""
    environment: Mapping[str, str]
    patience: float
    """Seconds between asking it to end and killing it."""
    is_up: Callable[[str], Awaitable[bool]] = _is_up_at_once
    """Whether it serves, given what it has printed since it was started. Asked while it lives."""
    umask: int = -1
    """What its files are closed to; -1 is as the supervisor's own."""


class Running:
    """A program's process: the leader of a group and session of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    @classmethod
    async def start(cls, program: Program, log: Log) -> "Running":
        output = log.open()
        try:
            process = await asyncio.create_subprocess_exec(
                *tied(*program.command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(program.environment),
                umask=program.umask,
                start_new_session=True,  # the terminal's Ctrl-C is for the supervisor alone
            )
        finally:
            os.close(output)
        return cls(process)

    @property
    def has_ended(self) -> bool:
        return self._process.returncode is not None

    async def end(self) -> int:
        """Waits for its end; also ends what it left in its group. Its exit code, or minus the signal."""
        code = await self._process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return code

    def ask_to_end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        if not self.has_ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)


def how_it_ended(code: int) -> str:
    """In words, for the terminal."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
