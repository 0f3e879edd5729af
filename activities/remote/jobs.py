"""Detached jobs on servers: started once, followed by anybody, and never lost with their client (DESIGN 6).

A job is a directory on its server, named by the job's id: its files, its log, its exit code, and a lock that
is held as long as it runs. `shell/*.sh` are the commands that work on it; all of them may be repeated.
"""

import asyncio
import io
import re
import shlex
import tarfile
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import asyncssh

from activities.remote.door import SshDoor
from activities.remote.lines import Lines
from activities.tracing import call_span
from workflows.domain.errors import ActionFailed, Unavailable
from workflows.domain.resources import Frozen, SshEndpoint

_SHELL = Path(__file__).parent / "shell"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
RECONNECTS = 3
"""How often a broken log stream is taken up again before the caller hears of it."""
GRACE = 5
"""Seconds between TERM and KILL."""
UPLOAD = 60
"""Seconds in which a job's files have to arrive: nobody waits for longer until they have."""

OnLine = Callable[[int, str], None]
"""Is called with each line of the log and its number, from 1."""


class Job(Frozen):
    """What to run: a bash script, the files beside it, and its environment."""

    id: str
    main: str
    files: dict[str, str] = {}
    environment: dict[str, str] = {}
    retry_failures: bool = False
    """Whether a job that ended with any code but 0 is run again when it is asked for again."""


class Ending(StrEnum):
    EXITED = "exited"
    KILLED = "killed"
    """It died without an exit code; the next `run` runs it again."""
    STOPPED = "stopped"
    """It was stopped by `stop`, and never runs again."""


class Ended(NamedTuple):
    """How a job ended. `code` is its exit code where it has one, else -1; `lines` counts its log."""

    ending: Ending
    code: int
    lines: int
    tail: str
    """The log's last lines."""


class RemoteJobs:
    def __init__(self, door: SshDoor) -> None:
        self._door = door

    async def run(self, endpoint: SshEndpoint, job: Job, on_line: OnLine) -> Ended:
        """Starts the job, or attaches to it, and follows it to its end. `on_line` hears the log from line 1.

        A job that has ended is not run again, unless it was killed or ended with code 75 ("try again").
        When this coroutine is cancelled, the job runs on.

        Raises:
            Unavailable: the server cannot be reached, or not any more; the job may be running.
        """
        server: dict[str, str | int] = {"server.address": endpoint.host, "server.port": endpoint.port}
        with call_span("remote job", server | {"job.id": job.id}) as span:
            ended = await self._run(endpoint, job, Lines(on_line))
            span.set_attributes({"job.ending": ended.ending.value, "job.exit_code": ended.code})
        return ended

    async def _run(self, endpoint: SshEndpoint, job: Job, lines: Lines) -> Ended:
        for _ in range(10):
            await self._launch(endpoint, job)
            verdict = await self._follow(endpoint, job.id, lines)
            if verdict != "unborn":
                return _ended(verdict, lines)
            # Another client held the lock and died before it had started the job.
            await asyncio.sleep(0.2)
        raise Unavailable(f"job {job.id} on {endpoint.host} does not start")

    async def stop(self, endpoint: SshEndpoint, job_id: str) -> None:
        """Ends the job with all its processes, and keeps it from ever starting. May be repeated.

        Raises:
            Unavailable: the server cannot be reached.
        """
        await self._door.ask(endpoint, command("stop", _checked(job_id), str(GRACE)))

    async def _launch(self, endpoint: SshEndpoint, job: Job) -> None:
        archive = _archive(job)
        try:
            rerun = "failed" if job.retry_failures else "75"
            await self._door.ask(endpoint, command("launch", _checked(job.id), rerun, str(UPLOAD)), archive)
        except ActionFailed as error:
            # The launcher runs nothing of the job's own: a full disk or a cut stream passes.
            raise Unavailable(error.message) from error

    async def _follow(self, endpoint: SshEndpoint, job_id: str, lines: Lines) -> str:
        for attempt in range(RECONNECTS + 1):
            try:
                return await self._follow_once(endpoint, job_id, lines)
            except Unavailable:
                if attempt == RECONNECTS:
                    raise
                await asyncio.sleep(0.1 * 4**attempt)
        raise AssertionError("the loop returns or raises")

    async def _follow_once(self, endpoint: SshEndpoint, job_id: str, lines: Lines) -> str:
        lines.rewind()
        async with self._door.session(endpoint) as connection:
            process: asyncssh.SSHClientProcess[bytes]
            process = await connection.create_process(command("follow", job_id), encoding=None)
            async with process:
                process.stdin.write_eof()
                while chunk := await process.stdout.read(65536):
                    lines.feed(chunk)
                trailer = (await process.stderr.read()).decode(errors="replace").strip()
                await process.wait_closed()
        size, _, verdict = trailer.partition("\n")
        if process.exit_status != 0 or not size.isdigit() or lines.size < int(size):
            raise Unavailable(
                f"{endpoint.host}:{endpoint.port}: the log of job {job_id} broke off: {trailer}"
            )
        lines.finish()
        return verdict


def command(script: str, *arguments: str) -> str:
    """The command line that runs `shell/<script>.sh` as the server's owner: root, by sudo where need be.

    A server whose PROVISIONING_SERVER_ROOT is set is a directory of an ordinary user, who owns it.
    """
    text = (_SHELL / f"{script}.sh").read_text()
    inner = shlex.join(["bash", "-c", text, script, *arguments])
    return (
        'if [ -n "${PROVISIONING_SERVER_ROOT:-}" ] || [ "$(id -u)" = 0 ]; '
        f"then exec {inner}; else exec sudo -n {inner}; fi"
    )


def _checked(job_id: str) -> str:
    """A job's id becomes a directory's name."""
    if not _ID.fullmatch(job_id):
        raise ValueError(f"{job_id!r} cannot be the id of a job")
    return job_id


def _archive(job: Job) -> bytes:
    files: Mapping[str, str] = {
        **job.files,
        "main": job.main,
        ".environment": "".join(f"{k}={shlex.quote(v)}\n" for k, v in sorted(job.environment.items())),
        ".runner": (_SHELL / "runner.sh").read_text(),
        ".complete": "",
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            content = text.encode()
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o700
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _ended(verdict: str, lines: Lines) -> Ended:
    if verdict.isdigit():
        return Ended(Ending.EXITED, int(verdict), lines.count, lines.tail)
    ending = Ending.STOPPED if verdict == "stopped" else Ending.KILLED
    return Ended(ending, -1, lines.count, lines.tail)
