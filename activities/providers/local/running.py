"""Starting and stopping a server's processes.

A server's first process inherits a locked file, and so do its children for as long as they keep it open:
as long as the lock is held the server runs, whoever started it and whatever happened to them. No process id
has to be trusted for that; ids are only needed to kill, and then the start time must fit too.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import asyncssh

from activities.providers.local.folder import Record, ServerFolder
from activities.providers.local.isolation import Isolation, Launch
from activities.providers.local.locks import is_locked, try_lock
from workflows.domain.errors import ActionFailed, Unavailable

_START_SECONDS = 30.0
"""How long a server may take until it answers. A quiet machine needs a tenth of one."""

_STOP_SECONDS = 20.0
_POLL = 0.01


def is_running(folder: ServerFolder) -> bool:
    return is_locked(folder.running)


async def start(folder: ServerFolder, record: Record, isolation: Isolation) -> None:
    """Starts the server unless it runs, and waits until it answers with its own host key.

    Raises:
        Unavailable: it does not come up; the message holds the end of its log.
    """
    deadline = time.monotonic() + _START_SECONDS
    while (descriptor := try_lock(folder.running)) is None:
        # It runs already, or somebody has just looked whether it does.
        if await _answers(record):
            return
        await _wait_until(deadline, folder, record)
    try:
        folder.process.unlink(missing_ok=True)
        await _spawn(isolation.launch(folder, record), descriptor, folder.log)
    finally:
        os.close(descriptor)
    while not await _answers(record):
        if not is_running(folder):
            raise Unavailable(f"server {record.spec.key} ended at its start: {folder.log_tail()}")
        await _wait_until(deadline, folder, record)


async def stop(folder: ServerFolder, isolation: Isolation) -> None:
    """Kills all of the server's processes and waits until they are gone.

    Raises:
        ActionFailed: one does not die.
    """
    deadline = time.monotonic() + _STOP_SECONDS
    while is_running(folder) or isolation.strays(folder):
        _kill_first_process(folder)
        for pid in isolation.strays(folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise ActionFailed(f"the processes of {folder.path} do not end")
        await asyncio.sleep(_POLL)


async def _spawn(launch: Launch, lock: int, log: Path) -> None:
    # setsid forks and ends at once, so that the server is nobody's child: it neither dies with this process
    # nor stays as a zombie of it.
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            "setsid",
            "--fork",
            *launch.arguments,
            cwd=launch.directory,
            env=dict(launch.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(lock,),
        )
    await process.wait()


async def _wait_until(deadline: float, folder: ServerFolder, record: Record) -> None:
    if time.monotonic() > deadline:
        place = f"{record.address}:{record.port}"
        raise Unavailable(f"server {record.spec.key} does not answer on {place}: {folder.log_tail()}")
    await asyncio.sleep(_POLL)


async def _answers(record: Record) -> bool:
    """Whether the server itself answers: somebody else on its address would have another key."""
    if not await _is_taken(record):
        return False
    try:
        key = await asyncio.wait_for(
            asyncssh.get_server_host_key(record.address, record.port, config=None), timeout=10
        )
    except (OSError, asyncssh.Error, TimeoutError):
        return False
    return key is not None and key.export_public_key().split()[:2] == record.host_key.encode().split()[:2]


async def _is_taken(record: Record) -> bool:
    """Whether anybody listens there, at a small part of what it costs to ask for a key."""
    try:
        _, writer = await asyncio.open_connection(record.address, record.port)
    except OSError:
        return False
    writer.close()
    return True


def _kill_first_process(folder: ServerFolder) -> None:
    process = _first_process(folder)
    if process is None:
        return
    pid, started = process
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        # The handle stands for one process for ever; now that it is held, the id can no longer be recycled.
        if start_time(pid) == started:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        os.close(handle)


def _first_process(folder: ServerFolder) -> Sequence[int] | None:
    """Its id and start time; None where it has not written them down (yet)."""
    try:
        text = folder.process.read_text()
    except FileNotFoundError:
        return None
    numbers = text.split()
    return [int(number) for number in numbers] if text.endswith("\n") and len(numbers) == 2 else None


def start_time(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None if there is none."""
    try:
        # The second field is the command in parentheses and may hold anything.
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(stat[19])
