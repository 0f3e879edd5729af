"""A server in process isolation: `python -m activities.providers.local.process_server <server's folder>`.

An SSH server that lets in one key and runs what it is told as this user, in the server's own folder. It
adopts the processes that its commands leave behind, so that they stay recognisable as the server's.
"""

import asyncio
import os
import sys
from pathlib import Path

import asyncssh

from activities.providers.local.children import Children
from activities.providers.local.folder import Record, ServerFolder
from activities.providers.local.running import start_time

_SHELL = "/bin/sh"
_LAST_OUTPUT_SECONDS = 1.0
"""How long to go on reading after a command has ended: a daemon that it left may never close its output."""


class _Sessions:
    """Runs one command, or a shell, for each SSH session."""

    def __init__(self, children: Children) -> None:
        self._children = children

    async def handle(self, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        serve = self._in_terminal if process.term_type else self._in_pipes
        status = await serve(process)
        if status < 0:
            # As a shell would say it: asyncssh sends signals by names that it must know.
            status = 128 - status
        process.exit(status)

    async def _in_pipes(self, process: "asyncssh.SSHServerProcess[bytes]") -> int:
        (stdin, to_stdin), (from_stdout, stdout), (from_stderr, stderr) = os.pipe(), os.pipe(), os.pipe()
        try:
            ended = self._children.start(_command(process), _environment(process), stdin, stdout, stderr)
        finally:
            for end in (stdin, stdout, stderr):
                os.close(end)
        await process.redirect(stdin=to_stdin, stdout=from_stdout, stderr=from_stderr, send_eof=True)
        return await self._outcome(process, ended)

    async def _in_terminal(self, process: "asyncssh.SSHServerProcess[bytes]") -> int:
        ours, theirs = os.openpty()
        environment = {**_environment(process), "TERM": process.term_type or "dumb"}
        try:
            ended = self._children.start(
                ["setsid", "--ctty", "--wait", *_command(process)], environment, theirs, theirs, theirs
            )
        finally:
            os.close(theirs)
        await process.redirect(stdin=os.dup(ours), stdout=ours)
        return await self._outcome(process, ended)

    async def _outcome(
        self, process: "asyncssh.SSHServerProcess[bytes]", ended: "asyncio.Future[int]"
    ) -> int:
        status = await ended
        for stream in (process.stdout, process.stderr):
            try:
                await asyncio.wait_for(stream.drain(), _LAST_OUTPUT_SECONDS)
            except (TimeoutError, asyncssh.Error, OSError):
                break
        return status


def _command(process: "asyncssh.SSHServerProcess[bytes]") -> list[str]:
    return [_SHELL, "-c", process.command] if process.command else [_SHELL, "-i"]


def _environment(process: "asyncssh.SSHServerProcess[bytes]") -> dict[str, str]:
    asked_for = {
        name: value for name, value in process.env.items() if name == "LANG" or name.startswith("LC_")
    }
    return {**_own_environment(), **asked_for}


def _own_environment() -> dict[str, str]:
    # The path to this project is no business of what runs on the server.
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


async def serve(folder: ServerFolder, record: Record) -> None:
    """Serves until killed."""
    children = Children()
    children.adopt_orphans()
    for script in _boot_scripts(folder.root):
        children.start([script], _own_environment())
    await asyncssh.listen(
        record.address,
        record.port,
        server_host_keys=[str(folder.seed / "host_key")],
        authorized_client_keys=str(folder.seed / "authorized_keys"),
        process_factory=_Sessions(children).handle,
        sftp_factory=True,
        encoding=None,
        line_editor=False,
        login_timeout=60,
        keepalive_interval=30,
    )
    await asyncio.get_running_loop().create_future()


def _boot_scripts(root: Path) -> list[str]:
    scripts = sorted((root / "etc/provisioning/boot.d").glob("*"))
    return [str(script) for script in scripts if script.is_file() and os.access(script, os.X_OK)]


def main(path: Path) -> None:
    folder = ServerFolder(path.parents[1], path.parent.name, path.name)
    folder.process.write_text(f"{os.getpid()} {start_time(os.getpid())}\n")
    record = folder.read()
    if record is None:
        sys.exit(f"{path} is no server")
    os.chdir(os.environ["HOME"])
    asyncio.run(serve(folder, record))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
