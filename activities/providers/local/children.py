"""The processes that a server in process isolation starts, and those that they leave behind."""

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_PR_SET_CHILD_SUBREAPER = 36


class Child(NamedTuple):
    """A process, and the future of its exit status (minus the signal, where one killed it)."""

    pid: int
    ended: asyncio.Future[int]


class Children:
    """Starts processes and reaps them, and every other one that ends up as a child of this process.

    Asyncio's own subprocesses must not be used beside it: one `waitpid` has to see all of them.
    """

    def __init__(self) -> None:
        self._waited_for: dict[int, asyncio.Future[int]] = {}
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)

    def adopt_orphans(self) -> None:
        """From now on this process is the parent of what its descendants leave behind."""
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "cannot adopt orphaned processes")

    def start(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        stdin: int = subprocess.DEVNULL,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> Child:
        """Starts a process at the head of a session, and so of a process group, of its own."""
        process = subprocess.Popen(
            arguments,
            cwd=environment["HOME"],
            env=environment,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waited_for[process.pid] = ended
        # From here on it is reaped below, and the object must not try it again.
        process.returncode = 0
        return Child(process.pid, ended)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                ended = self._waited_for.pop(pid, None)
                if ended is not None and not ended.done():
                    ended.set_result(os.waitstatus_to_exitcode(status))
