"""The task service activities on real servers, with the ports beside them kept in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from temporalio.activity import ActivityCancellationDetails
from temporalio.testing import ActivityEnvironment

from activities.catalogue.catalogue import Catalogue
from activities.ledger_ports import InventoryItem
from activities.ports import LogLine
from activities.provider_ports import ServerProvider
from activities.remote.door import SshDoor
from activities.remote.jobs import RemoteJobs
from activities.remote.taskserv_jobs import SshTaskservHost
from activities.taskservs import Taskservs
from workflows.domain.actions import (
    Cause,
    ConfigureTaskserv,
    InstallTaskserv,
    RemoveTaskserv,
    RestartTaskserv,
)
from workflows.domain.errors import InvalidRequest
from workflows.domain.resources import Cluster, Params, Server, ServerSpec
from workflows.domain.rollbacks import Picture

TEST_CATALOGUE = Path(__file__).parent.parent / "catalogue"
T = TypeVar("T")


class MemoryLog:
    """Keeps the lines that it is given, each once."""

    def __init__(self) -> None:
        self.lines: dict[tuple[str, int], LogLine] = {}

    def write(self, lines: Sequence[LogLine]) -> None:
        for line in lines:
            self.lines.setdefault((line.job, line.number), line)

    async def flush(self, seconds: float) -> bool:
        return seconds >= 0

    def text(self) -> str:
        return "\n".join(line.text for line in self.lines.values())


@dataclass
class MemoryInventory:
    items: list[InventoryItem] = field(default_factory=list)
    known_clusters: list[Cluster] = field(default_factory=list)

    async def catch_up(self) -> int:
        """There is no ledger behind it."""
        return 0

    async def picture(self) -> Picture:
        return Picture(position=0, entries=())

    async def named(self, keys: Collection[str]) -> dict[str, Server]:
        return {i.server.key: i.server for i in self.items if i.server.key in keys}

    async def server(self, infra: str, name: str) -> InventoryItem | None:
        return next((i for i in self.items if i.server.key == f"{infra}/{name}"), None)

    async def servers(self, infra: str | None = None, provider: str | None = None) -> Sequence[InventoryItem]:
        return [
            i
            for i in self.items
            if infra in (None, i.server.spec.infra) and provider in (None, i.server.spec.provider)
        ]

    async def clusters(self, infra: str | None = None) -> Sequence[Cluster]:
        return [one for one in self.known_clusters if infra in (None, one.server.spec.infra)]


@dataclass
class KnownServers:
    """A provider, and the list of providers too, that only knows which servers there are."""

    known: list[Server] = field(default_factory=list)
    name: str = "local"

    def names(self) -> Sequence[str]:
        return [self.name]

    def get(self, name: str) -> ServerProvider:
        if name != self.name:
            raise InvalidRequest(f"unknown provider {name!r}")
        return self

    async def resume(self) -> None:
        """There is nothing to start."""

    def check(self, spec: ServerSpec) -> None:
        if spec.provider != self.name:
            raise InvalidRequest(f"unknown provider {spec.provider!r}")

    async def create(self, spec: ServerSpec, owner: str) -> Server:
        raise InvalidRequest(f"this provider makes no servers, not even {spec.key} for {owner}")

    async def find(self, infra: str, name: str) -> Server | None:
        return next((s for s in self.known if s.key == f"{infra}/{name}"), None)

    async def delete(self, server: Server) -> None:
        self.known.remove(server)


@dataclass
class TaskservBench:
    """The activities, and what stands around them."""

    catalogue: Catalogue
    taskservs: Taskservs
    log: MemoryLog
    inventory: MemoryInventory
    providers: KnownServers
    door: SshDoor

    def install(
        self, server: Server, name: str, params: Params | None = None, task: str = "t1"
    ) -> InstallTaskserv:
        return InstallTaskserv(cause=Cause(task_id=task), server=server, name=name, params=params or {})

    def configure(
        self, server: Server, name: str, params: Params | None = None, task: str = "t3"
    ) -> ConfigureTaskserv:
        return ConfigureTaskserv(cause=Cause(task_id=task), server=server, name=name, params=params or {})

    def restart(
        self, server: Server, name: str, params: Params | None = None, task: str = "t4"
    ) -> RestartTaskserv:
        return RestartTaskserv(cause=Cause(task_id=task), server=server, name=name, params=params or {})

    def remove(self, server: Server, name: str, task: str = "t2") -> RemoveTaskserv:
        return RemoveTaskserv(cause=Cause(task_id=task), server=server, name=name)

    async def run(self, method: Callable[[Any], Awaitable[T]], argument: object) -> T:
        """Runs the activity as a worker would, with heartbeats."""
        result: T = await _environment().run(method, argument)
        return result

    async def run_cancelled(
        self, method: Callable[[Any], Awaitable[T]], argument: object, when: Callable[[], bool]
    ) -> T:
        """Runs the activity and requests its cancellation as soon as `when` says so."""
        environment = _environment()
        running = asyncio.ensure_future(environment.run(method, argument))
        async with asyncio.timeout(60):
            while not when() and not running.done():  # noqa: ASYNC110 - the log sets no event
                await asyncio.sleep(0.02)
        environment.cancel(ActivityCancellationDetails(cancel_requested=True))
        return await running


def _environment() -> ActivityEnvironment:
    environment = ActivityEnvironment()
    info = environment.info
    environment.info = type(info)(**{**info.__dict__, "heartbeat_timeout": timedelta(seconds=3)})
    return environment


@pytest.fixture
async def taskserv_bench(ssh_state_dir: Path) -> AsyncIterator[TaskservBench]:
    bench = make_bench(ssh_state_dir)
    yield bench
    await bench.door.close()


def make_bench(state_dir: Path, catalogues: Sequence[Path] = (TEST_CATALOGUE,)) -> TaskservBench:
    door = SshDoor(state_dir)
    catalogue, log = Catalogue.load(catalogues), MemoryLog()
    inventory, providers = MemoryInventory(), KnownServers()
    host = SshTaskservHost(door, RemoteJobs(door))
    taskservs = Taskservs(catalogue, host, inventory, log, providers)
    return TaskservBench(catalogue, taskservs, log, inventory, providers, door)
