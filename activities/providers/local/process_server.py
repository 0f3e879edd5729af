"""A server in process isolation: `python -m activities.providers.local.process_server <server's folder>`.

An SSH server that lets in one key and runs what it is told as this user, in the server's own folder. It
adopts the processes that its commands leave behind, so that they stay recognisable as the server's.
"""

import asyncio
import contextlib
import os
import signal
import subprocess

import asyncssh

_PR_SET_CHILD_SUBREAPER = 36


class _Gate(asyncssh.SSHServer):
    """Keys only, and only for the one user there is."""

    def __init__(self, user: str) -> None:
        self._user = user

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002 - the key decides, whatever the name
        return True


async def _serve(process: "asyncssh.SSHServerProcess[bytes]") -> None:
    """Runs one command, or a shell, with the channel's streams, and hands on its exit status."""
    arguments = ["/bin/sh", "-c", process.command] if process.command else ["/bin/sh", "-l"]
    child = await asyncio.create_subprocess_exec(
        *arguments,
        cwd=os.environ["HOME"],
        env={**os.environ, **dict(process.env)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
    status = await child.wait()
    # A command that left a daemon behind may never close its streams: like sshd, don't wait for that.
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.stdout.drain(), 5)
    if status < 0:
        process.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))
    else:
        process.exit(status)
