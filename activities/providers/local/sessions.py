"""SSH sessions on a server in process isolation: one command, or a shell, each."""

import asyncio
import contextlib
import fcntl
import os
import signal
import struct
import termios

import asyncssh

from activities.providers.local.children import Child, Children
from activities.providers.local.streams import pour_in, pour_out

_SHELL = "/bin/sh"

Session = asyncssh.SSHServerProcess[bytes]


class Sessions:
    """Runs what clients ask for, as processes of `children`."""

    def __init__(self, children: Children) -> None:
        self._children = children

    async def handle(self, session: Session) -> None:
        """Runs the command, connected to the client, and hands its exit status on.

        A client that goes away takes nothing along: the command loses its streams and runs on.
        """
        status = await (self._in_terminal(session) if session.term_type else self._in_pipes(session))
        # A signal as a shell would tell it: asyncssh sends only those whose names stand in the protocol.
        session.exit(status if status >= 0 else 128 - status)

    async def _in_pipes(self, session: Session) -> int:
        (stdin, to_stdin), (from_stdout, stdout), (from_stderr, stderr) = os.pipe(), os.pipe(), os.pipe()
        try:
            child = self._children.start(_command(session), _environment(session), stdin, stdout, stderr)
        finally:
            for end in (stdin, stdout, stderr):
                os.close(end)
        feeding = asyncio.create_task(
            pour_in(session.stdin, to_stdin, lambda event: _interrupt(child, event, None))
        )
        await asyncio.gather(
            pour_out(from_stdout, session.stdout, child.ended),
            pour_out(from_stderr, session.stderr, child.ended),
        )
        return await _end(child, feeding)

    async def _in_terminal(self, session: Session) -> int:
        ours, theirs = os.openpty()
        _resize(ours, session.term_size[0], session.term_size[1])
        environment = {**_environment(session), "TERM": session.term_type or "dumb"}
        command = ["setsid", "--ctty", "--wait", *_command(session)]
        try:
            child = self._children.start(command, environment, theirs, theirs, theirs)
        finally:
            os.close(theirs)
        keyboard = os.dup(ours)
        feeding = asyncio.create_task(
            pour_in(session.stdin, keyboard, lambda event: _interrupt(child, event, keyboard))
        )
        await pour_out(ours, session.stdout, child.ended)
        return await _end(child, feeding)


async def _end(child: Child, feeding: "asyncio.Task[None]") -> int:
    # Whatever closed its output may still run; its end is what the client waits for.
    status = await child.ended
    feeding.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await feeding
    return status


def _interrupt(child: Child, event: Exception, terminal: int | None) -> None:
    """Passes on what a client sends beside bytes."""
    if isinstance(event, asyncssh.TerminalSizeChanged):
        if terminal is not None and not child.ended.done():
            _resize(terminal, event.width, event.height)
        return
    name = event.signal if isinstance(event, asyncssh.SignalReceived) else "INT"
    number = getattr(signal, f"SIG{name}", None)
    if number is not None and not child.ended.done():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)


def _resize(terminal: int, width: int, height: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))


def _command(session: Session) -> list[str]:
    return [_SHELL, "-c", session.command] if session.command else [_SHELL, "-i"]


def _environment(session: Session) -> dict[str, str]:
    asked_for = {
        name: value for name, value in session.env.items() if name == "LANG" or name.startswith("LC_")
    }
    return {**own_environment(), **asked_for}


def own_environment() -> dict[str, str]:
    """What everything on the server is started with."""
    # The path to this project is no business of what runs on the server.
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
