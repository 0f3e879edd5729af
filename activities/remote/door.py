"""The door to the servers: SSH connections that are checked, shared, and let go when nobody needs them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import asyncssh

from activities.remote.keys import client_key
from workflows.domain.errors import ActionFailed, Refused, Unavailable
from workflows.domain.resources import SshEndpoint

CONNECT_TIMEOUT = 15.0
"""Seconds until a server that does not answer counts as away."""
KEEPALIVE = 5.0
"""Seconds of silence until the other side is asked whether it lives; the third unanswered one ends it."""
SESSIONS = 8
"""Sessions on one connection: sshd refuses more than ten (MaxSessions)."""
IDLE = 30.0
"""Seconds that a connection without sessions is kept for the next caller."""


class Output(NamedTuple):
    """What a short command printed, and its exit code (None where a signal ended it)."""

    code: int | None
    stdout: str
    stderr: str


@dataclass(eq=False)
class _Line:
    """One connection and the number of sessions that use it."""

    connection: asyncssh.SSHClientConnection
    sessions: int = 0
    closing: asyncio.TimerHandle | None = None


@dataclass
class _Endpoint:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    lines: list[_Line] = field(default_factory=list)
    takers: int = 0
    """Callers that wait for a line."""


class SshDoor:
    """Connections by endpoint. One per process; `close` it at the end."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._key: asyncssh.SSHKey | None = None
        self._endpoints: dict[SshEndpoint, _Endpoint] = {}

    @contextlib.asynccontextmanager
    async def session(self, endpoint: SshEndpoint) -> AsyncIterator[asyncssh.SSHClientConnection]:
        """A connection on which the caller may run one command.

        Raises:
            Unavailable: the server cannot be reached, or the connection broke.
            Refused: it is another server than expected, or does not let us in.
        """
        line = await self._take(endpoint)
        try:
            with _as_our_errors(endpoint):
                yield line.connection
        finally:
            self._give_back(endpoint, line)

    async def execute(
        self, endpoint: SshEndpoint, command: str, data: bytes = b"", *, seconds: float = 60.0
    ) -> Output:
        """Runs a short command with `data` on its standard input, for at most `seconds`.

        Raises:
            Unavailable: as `session`, or the command took too long.
            Refused: as `session`.
        """
        async with self.session(endpoint) as connection:
            done = await connection.run(
                command,
                input=data or None,
                stdin=asyncssh.PIPE if data else asyncssh.DEVNULL,
                encoding=None,
                timeout=seconds,
            )
        return Output(done.exit_status, _text(done.stdout), _text(done.stderr))

    async def ask(
        self, endpoint: SshEndpoint, command: str, data: bytes = b"", *, seconds: float = 60.0
    ) -> str:
        """The output of a command that must succeed.

        Raises:
            ActionFailed: the command ended with another code than 0; the message has its last words.
        """
        output = await self.execute(endpoint, command, data, seconds=seconds)
        if output.code is None:
            raise Unavailable(f"a command on {endpoint.host}:{endpoint.port} was killed")
        if output.code != 0:
            words = (output.stderr or output.stdout).strip()[-1000:]
            raise ActionFailed(f"{endpoint.host}:{endpoint.port}: exit code {output.code}: {words}")
        return output.stdout

    async def close(self) -> None:
        """Ends every connection. What runs on the servers goes on."""
        lines = [line for endpoint in self._endpoints.values() for line in endpoint.lines]
        self._endpoints.clear()
        for line in lines:
            if line.closing is not None:
                line.closing.cancel()
            line.connection.close()
        for line in lines:
            with contextlib.suppress(asyncssh.Error, OSError):
                await line.connection.wait_closed()

    async def _take(self, endpoint: SshEndpoint) -> _Line:
        known = self._endpoints.setdefault(endpoint, _Endpoint())
        known.takers += 1
        try:
            async with known.lock:
                known.lines = [line for line in known.lines if not line.connection.is_closed()]
                line = next((line for line in known.lines if line.sessions < SESSIONS), None)
                if line is None:
                    line = _Line(await self._connect(endpoint))
                    known.lines.append(line)
                if line.closing is not None:
                    line.closing.cancel()
                    line.closing = None
                line.sessions += 1
                return line
        finally:
            known.takers -= 1
            self._forget_unused(endpoint, known)

    def _give_back(self, endpoint: SshEndpoint, line: _Line) -> None:
        line.sessions -= 1
        if line.sessions > 0:
            return
        if line.connection.is_closed():
            # Its server may be gone, and nobody ask for it again.
            self._let_go(endpoint, line)
        else:
            loop = asyncio.get_running_loop()
            line.closing = loop.call_later(IDLE, self._let_go, endpoint, line)

    def _let_go(self, endpoint: SshEndpoint, line: _Line) -> None:
        line.connection.close()
        known = self._endpoints.get(endpoint)
        if known is None:
            return
        if line in known.lines:
            known.lines.remove(line)
        self._forget_unused(endpoint, known)

    def _forget_unused(self, endpoint: SshEndpoint, known: _Endpoint) -> None:
        if not known.lines and not known.takers and self._endpoints.get(endpoint) is known:
            del self._endpoints[endpoint]

    async def _connect(self, endpoint: SshEndpoint) -> asyncssh.SSHClientConnection:
        if self._key is None:
            self._key = await asyncio.to_thread(client_key, self._state_dir)
        with _as_our_errors(endpoint):
            return await asyncssh.connect(
                endpoint.host,
                endpoint.port,
                username=endpoint.user,
                client_keys=[self._key],
                agent_path=None,
                known_hosts=_known(endpoint),
                config=None,
                connect_timeout=CONNECT_TIMEOUT,
                login_timeout=CONNECT_TIMEOUT,
                keepalive_interval=KEEPALIVE,
            )


def _known(
    endpoint: SshEndpoint,
) -> tuple[list[asyncssh.SSHKey], list[asyncssh.SSHKey], list[asyncssh.SSHKey]] | None:
    """The one key that the server must have; None where its provider cannot tell."""
    if endpoint.host_key is None:
        return None
    return [asyncssh.import_public_key(endpoint.host_key)], [], []


@contextlib.contextmanager
def _as_our_errors(endpoint: SshEndpoint) -> Iterator[None]:
    where = f"{endpoint.host}:{endpoint.port}"
    try:
        yield
    except asyncssh.HostKeyNotVerifiable:
        raise Refused(f"{where} has another host key than the server that was created") from None
    except (asyncssh.PermissionDenied, asyncssh.KeyImportError) as error:
        raise Refused(f"{where} does not let us in: {_reason(error)}") from None
    except asyncssh.ProcessError as error:
        raise Unavailable(f"{where}: a command took too long or was cut off") from error
    except (asyncssh.Error, OSError, TimeoutError) as error:
        raise Unavailable(f"{where} cannot be reached: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _text(data: bytes | str | None) -> str:
    return data.decode(errors="replace") if isinstance(data, bytes) else data or ""
