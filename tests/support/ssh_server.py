"""A real SSH server for tests: runs commands as the test's user, in a root directory of its own.

It behaves like a local server that is a process: PROVISIONING_SERVER_ROOT is set, commands outlive their
connection, and services listen on a loopback address that no other server has.
"""

import asyncio
import contextlib
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh
import psutil
import pytest

from activities.remote.door import SshDoor
from activities.remote.jobs import RemoteJobs
from activities.remote.keys import client_key
from workflows.domain.resources import Server, ServerSpec, SshEndpoint

_WORKERS, _OWN = 6, 1000
"""Workers of one run, and addresses of one worker."""
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
# Whatever else runs on this machine has another parent.
_addresses = itertools.count((os.getppid() % 1000 * _WORKERS + _worker) * _OWN)


@dataclass
class SshServer:
    """One running server. `endpoint` is how to reach it, `root` is its directory."""

    root: Path
    state_dir: Path
    address: str
    port: int
    host_key: asyncssh.SSHKey
    _acceptor: asyncssh.SSHAcceptor | None = None
    _connections: set[asyncssh.SSHServerConnection] = field(default_factory=set)

    @property
    def endpoint(self) -> SshEndpoint:
        public = self.host_key.export_public_key().decode().strip()
        return SshEndpoint(host=self.address, port=self.port, user="tester", host_key=public)

    def server(self, name: str = "web-01") -> Server:
        spec = ServerSpec(infra="default", name=name, provider="local", plan="small", zone="here")
        return Server(spec=spec, provider_id=name, owner="owner-of-" + name, ssh=self.endpoint)

    async def start(self) -> None:
        authorized = client_key(self.state_dir).export_public_key().decode()
        self._acceptor = await asyncssh.listen(
            self.address,
            self.port,
            reuse_address=True,
            server_host_keys=[self.host_key],
            authorized_client_keys=asyncssh.import_authorized_keys(authorized),
            process_factory=self._process,
            encoding=None,
        )
        self.port = self._acceptor.get_port()

    async def stop(self) -> None:
        """As if the network were cut: no connection is left, and what runs goes on."""
        if self._acceptor is not None:
            self._acceptor.close()
            await self._acceptor.wait_closed()
        for connection in list(self._connections):
            connection.abort()
        self._connections.clear()

    async def _process(self, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        self._connections.add(process.get_extra_info("connection"))
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "PROVISIONING_SERVER_ROOT": str(self.root),
        }
        child = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            process.command or "exit 0",
            cwd=self.root,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert child.stdin and child.stdout and child.stderr
        feeding = asyncio.create_task(_pump_in(process.stdin, child.stdin))
        await asyncio.gather(_pump_out(child.stdout, process.stdout), _pump_out(child.stderr, process.stderr))
        code = await child.wait()
        feeding.cancel()
        process.exit(code if code >= 0 else 128 - code)

    def processes(self) -> list[psutil.Process]:
        """Whatever runs with this server's root in its environment."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("PROVISIONING_SERVER_ROOT") == str(self.root):
                    found.append(process)
        return found

    def wipe_processes(self) -> None:
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()


async def _pump_in(source: "asyncssh.SSHReader[bytes]", sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncssh.Error, OSError):
        while chunk := await source.read(65536):
            sink.write(chunk)
            await sink.drain()
    with contextlib.suppress(OSError):
        sink.close()
        await sink.wait_closed()


async def _pump_out(source: asyncio.StreamReader, sink: "asyncssh.SSHWriter[bytes]") -> None:
    while chunk := await source.read(65536):
        # The command goes on when nobody listens any more.
        with contextlib.suppress(asyncssh.Error, OSError):
            sink.write(chunk)
            await sink.drain()


@pytest.fixture(scope="session")
def ssh_state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ssh-state")


@contextlib.asynccontextmanager
async def an_ssh_server(root: Path, state_dir: Path) -> AsyncIterator[SshServer]:
    """A server that is a directory of its own, which is made for it."""
    number = next(_addresses)
    await asyncio.to_thread(root.mkdir)
    address = f"127.{90 + number // 62500 % 100}.{number // 250 % 250}.{number % 250 + 1}"
    server = SshServer(root, state_dir, address, 0, asyncssh.generate_private_key("ssh-ed25519"))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
        server.wipe_processes()


@pytest.fixture
async def ssh_server(tmp_path: Path, ssh_state_dir: Path) -> AsyncIterator[SshServer]:
    async with an_ssh_server(tmp_path / "root", ssh_state_dir) as server:
        yield server


@pytest.fixture
async def ssh_door(ssh_state_dir: Path) -> AsyncIterator[SshDoor]:
    door = SshDoor(ssh_state_dir)
    yield door
    await door.close()


@pytest.fixture
def remote_jobs(ssh_door: SshDoor) -> Iterator[RemoteJobs]:
    yield RemoteJobs(ssh_door)
