"""A whole stack of one's own: `make run` in a temporary state directory, on free ports."""

import asyncio
import contextlib
import itertools
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest

from activities.settings import Settings
from deploy.local.parts import environment_of
from deploy.local.ports import free_port
from deploy.local.program import tied
from deploy.local.readiness import is_healthy
from tests.support.contract_check import checked_client
from tests.support.in_turn import InTurn
from tests.support.topology import NARROW, Topology, chosen

ROOT = Path(__file__).resolve().parents[2]

MEMBERS = ("api", "worker-1", "temporal", "mongodb", "surrealdb")
"""The names of its processes, where there is one API process and one worker."""

_READY_WITHIN = 180.0
_STOPPED_WITHIN = 60.0


def stack_settings(state_dir: Path, **changes: object) -> Settings:
    """Settings with a state directory and ports of their own."""
    ports: dict[str, int] = {}
    for name in ("api", "control_center", "temporal", "temporal_ui", "mongodb", "surrealdb"):
        ports[f"{name}_port"] = free_port(avoid=frozenset(ports.values()))
    # A login outlives the longest fault test.
    values = {"state_dir": state_dir, "token_lifetime": 86_400} | ports | changes
    return Settings.model_validate(values)


async def eventually(
    condition: Callable[[], bool | Awaitable[bool]], within: float = 60.0, every: float = 0.05
) -> None:
    """Waits until `condition` holds; a TimeoutError after `within` seconds is a failed test."""
    async with asyncio.timeout(within):
        while True:
            held = condition()
            if isinstance(held, Awaitable):
                held = await held
            if held:
                return
            await asyncio.sleep(every)


class StackEnded(Exception):
    """The supervisor ended where it should run. Holds what it printed."""


class Stack:
    """The stack as a person starts it: a supervisor process, and its members behind pid files."""

    def __init__(self, settings: Settings, topology: Topology = NARROW) -> None:
        workers = max(settings.workers, topology.workers)
        self.settings = settings = settings.model_copy(update={"workers": workers})
        self.env = environment_of(settings, os.environ)
        self.state_dir = settings.state_dir
        self.base_url = f"http://127.0.0.1:{settings.api_port}"
        # Under these names its processes have their pid files and logs.
        self.apis = ("api", "api-2")[: topology.apis]
        self.workers = tuple(f"worker-{number}" for number in range(1, workers + 1))
        self.members = (*self.apis, *self.workers, "temporal", "mongodb", "surrealdb")
        taken = frozenset(value for name, value in settings if name.endswith("_port"))
        self._second_port = free_port(avoid=taken)
        self._second_control_center = free_port(avoid=taken | {self._second_port})
        self.urls = [self.base_url, f"http://127.0.0.1:{self._second_port}"][: topology.apis]
        """Of each API process."""
        self._turn = itertools.cycle(range(topology.apis))
        self.output_path = self.state_dir.with_name(self.state_dir.name + ".output")
        self._process: asyncio.subprocess.Process | None = None
        self._client: httpx.AsyncClient | None = None

    @property
    def output(self) -> str:
        """What the supervisor has printed, since the first start."""
        return self.output_path.read_text() if self.output_path.exists() else ""

    @property
    def supervisor(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "the stack was not started"
        return self._process

    @property
    def http(self) -> httpx.AsyncClient:
        """A client that is logged in as the administrator."""
        assert self._client is not None, "the stack was not started"
        return self._client

    async def launch(self) -> None:
        """Starts the supervisor and returns at once."""
        with self.output_path.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *tied(sys.executable, "-m", *self._program()),
                cwd=ROOT,
                env=self.env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # A terminal's Ctrl-C reaches pytest, which then stops the stack in order.
                start_new_session=True,
            )

    def _program(self) -> tuple[str, ...]:
        if len(self.apis) == 1:
            return "deploy.local", "run"
        return "tests.support.wide_stack", str(self._second_port), str(self._second_control_center)

    async def ready(self, since: int = 0) -> None:
        """Waits for the line `ready:` after `since` characters of output; raises StackEnded."""
        async with asyncio.timeout(_READY_WITHIN):
            while f"ready: {self.base_url}" not in self.output[since:]:
                if self.supervisor.returncode is not None:
                    raise StackEnded(self.output[since:])
                await asyncio.sleep(0.05)

    async def start(self) -> None:
        """Starts everything, waits until it is ready, and logs in."""
        printed = len(self.output)
        await self.launch()
        await self.ready(printed)
        for url in self.urls[1:]:  # the supervisor has waited for the first one alone
            async with checked_client(base_url=url, timeout=30, trust_env=False) as client:
                await eventually(partial(is_healthy, client), within=_READY_WITHIN)
        await self.log_in()

    def anonymous(self, timeout: float = 30) -> httpx.AsyncClient:
        """A client that is not logged in. With `http`, it sends to the API processes in turn."""
        transport = InTurn(self.urls, self._turn) if len(self.urls) > 1 else None
        return checked_client(base_url=self.base_url, transport=transport, timeout=timeout, trust_env=False)

    async def log_in(self) -> None:
        """Makes `http` anew, with a fresh token."""
        await self._close_client()
        if self.settings.admin_password is None:
            # It is written once there is a database to keep the admin in, which may be after the start.
            await eventually((self.state_dir / "admin-password").exists, within=_READY_WITHIN)
        self._client = self.anonymous()
        body = {"username": self.settings.admin_username, "password": self.admin_password}
        answer = await self._client.post("/auth/login", json=body)
        async with asyncio.timeout(_READY_WITHIN):
            while answer.status_code >= 500:  # something was killed this very moment
                await asyncio.sleep(0.2)
                answer = await self._client.post("/auth/login", json=body)
        assert answer.status_code == 200, answer.text
        self._client.headers["Authorization"] = f"Bearer {answer.json()['data']['token']}"

    @property
    def admin_password(self) -> str:
        if self.settings.admin_password is not None:
            return self.settings.admin_password.get_secret_value()
        return (self.state_dir / "admin-password").read_text().strip()

    async def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ctrl-C, and waits. The supervisor's exit code."""
        await self._close_client()
        if self.supervisor.returncode is None:
            self.supervisor.send_signal(number)
        async with asyncio.timeout(_STOPPED_WITHIN):
            return await self.supervisor.wait()

    async def crash(self) -> None:
        """Kills the supervisor, and with it all its members."""
        await self._close_client()
        with contextlib.suppress(ProcessLookupError):
            self.supervisor.kill()
        await self.supervisor.wait()

    def pid(self, name: str) -> int | None:
        """The pid in `name`'s pid file; None while it is between two lives."""
        try:
            return int((self.state_dir / "run" / f"{name}.pid").read_text())
        except FileNotFoundError:
            return None

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int | None:
        """Sends a signal to a member; returns its pid, or None if it was dead already."""
        pid = self.pid(name)
        if pid is not None:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return None
        return pid

    def any_worker(self, chance: random.Random) -> str:
        """The name of one of the workers."""
        return chance.choice(self.workers)

    def any_api(self, chance: random.Random) -> str:
        """The name of one of the API processes."""
        return chance.choice(self.apis)

    def connected_from(self, port: int) -> str:
        """The name of the worker that has a connection from this port; raises LookupError."""
        for name in self.workers:
            pid = self.pid(name)
            with contextlib.suppress(psutil.NoSuchProcess):
                connections = psutil.Process(pid).net_connections("tcp") if pid is not None else []
                if any(one.raddr and one.laddr.port == port for one in connections):
                    return name
        raise LookupError(f"no worker has a connection from port {port}")

    async def is_back(self, name: str, after: int | None) -> None:
        """Waits until `name` runs under another pid than `after`."""
        await eventually(lambda: self.pid(name) not in (None, after))

    def processes(self) -> Iterator[psutil.Process]:
        """Every process that was given this stack's state directory: members, and what they started."""
        wanted = f"PROVISIONING_STATE_DIR={self.state_dir}"
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                named = any(str(self.state_dir) in part for part in process.cmdline())
                if named or wanted in (f"{k}={v}" for k, v in process.environ().items()):
                    yield process

    async def remove_local_servers(self) -> None:
        """Takes down the local servers, which outlive the stack by design."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "activities.providers.local", "remove-all"), cwd=ROOT, env=self.env
        )
        assert await process.wait() == 0

    async def discard(self) -> None:
        """Ends everything, whatever state it is in, with the local servers."""
        if self._process is not None:
            try:
                await self.stop()
            except TimeoutError:
                await self.crash()
        await self.remove_local_servers()

    async def _close_client(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None


@contextlib.asynccontextmanager
async def a_stack(
    state_dir: Path, by_itself: Topology = NARROW, /, **changes: object
) -> AsyncIterator[Stack]:
    """A stack that is not started yet, and that leaves nothing behind.

    It has the processes that `TEST_TOPOLOGY` says, or else those that the test wants by itself.
    """
    stack = Stack(stack_settings(state_dir, **changes), chosen(by_itself))
    try:
        yield stack
    finally:
        await stack.discard()


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """One stack for all tests of a session. Tests keep apart by the names that they use."""
    tests = ROOT / "tests"
    changes = {"catalogue_dirs": str(tests / "catalogue"), "infra_dir": tests / "infra"}
    async with a_stack(tmp_path_factory.mktemp("stack") / "state", **changes) as started:
        await started.start()
        yield started
