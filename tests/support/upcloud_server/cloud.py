"""The servers and storages that exist, and the time that their changes take."""

import asyncio
import random
import time
import uuid
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass

from tests.support.upcloud_server.catalogue import PLANS
from tests.support.upcloud_server.errors import ApiError, no_such, state_illegal
from tests.support.upcloud_server.machines import Machines
from tests.support.upcloud_server.orders import Order

_CORE_LIMIT = 1000


@dataclass
class Storage:
    uuid: str
    title: str
    size: int
    tier: str
    zone: str
    state: str = "maintenance"


@dataclass
class Server:
    uuid: str
    order: Order
    created: int
    storage: Storage
    public: str
    internal: str
    labels: dict[str, str]
    state: str = "maintenance"
    stopping: bool = False


class Cloud:
    def __init__(self, machines: Machines, second: float, changes: tuple[float, float]) -> None:
        """`second` is how long a second of its clock takes, `changes` how long a change of state does."""
        self.servers: dict[str, Server] = {}
        self.storages: dict[str, Storage] = {}
        self.deaf = False
        """Whether servers ignore being asked to shut down."""
        self.slow_stop = 0.0
        """Real seconds that a server's system takes to shut down, beside the change of state."""
        self.core_limit = _CORE_LIMIT
        self.delay = 0
        """Seconds of its clock that an order has been under way before anybody sees it."""
        self._machines = machines
        self._began, self._started = int(time.time()), time.monotonic()
        self._second = second
        self._changes = changes
        self.orders: list[Order] = []
        """Whatever was ever ordered."""
        self._under_way: set[asyncio.Task[None]] = set()

    def find(self, labels: list[str]) -> list[Server]:
        """The servers that have all of these, each `key` or `key=value`."""
        return [server for server in self.servers.values() if all(_has(server.labels, one) for one in labels)]

    def get(self, server: str) -> Server:
        try:
            uuid.UUID(server)
        except ValueError:
            raise ApiError(400, "SERVER_INVALID", "The server UUID is invalid.") from None
        if server not in self.servers:
            raise no_such("server")
        return self.servers[server]

    def create(self, order: Order) -> Server:
        cores = sum(PLANS[server.order.plan].cores for server in self.servers.values())
        if cores + PLANS[order.plan].cores > self.core_limit:
            raise ApiError(403, "SERVER_CORE_LIMIT_REACHED", "The account's limit of CPU cores is reached.")
        storage = Storage(_new("01"), order.storage.title, order.storage.size, order.storage.tier, order.zone)
        self.orders.append(order)
        server = Server(
            uuid=_new("00"),
            order=order,
            created=self._now() - self.delay,
            storage=storage,
            public=self._machines.next_address(),
            internal=f"127.238.{len(self.orders) // 250}.{len(self.orders) % 250 + 1}",
            labels=dict(order.labels),
        )
        self.servers[server.uuid] = server
        self.storages[storage.uuid] = storage
        self._begin(self._come_up(server))
        return server

    def relabel(self, server: Server, labels: Mapping[str, str]) -> None:
        server.labels = dict(labels)

    async def start(self, server: Server) -> None:
        """Answers when it runs, as UpCloud does."""
        if server.state != "stopped":
            raise state_illegal(server.uuid, server.state)
        server.state = "maintenance"
        await self._come_up(server)

    def stop(self, server: Server, *, hard: bool) -> None:
        if server.state != "started":
            raise state_illegal(server.uuid, server.state)
        if not server.stopping and (hard or not self.deaf):
            server.stopping = True
            self._begin(self._go_down(server))

    def delete(self, server: Server, *, storages: bool) -> None:
        if server.state != "stopped":
            raise state_illegal(server.uuid, server.state)
        del self.servers[server.uuid]
        if storages:
            del self.storages[server.storage.uuid]

    async def clear(self) -> None:
        """As if nothing had ever been ordered."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        for server in self.servers.values():
            await self._machines.halt(server.public)
        self.servers.clear()
        self.storages.clear()
        self.orders.clear()
        self.deaf, self.core_limit, self.delay, self.slow_stop = False, _CORE_LIMIT, 0, 0.0

    async def _come_up(self, server: Server) -> None:
        await self._change()
        server.storage.state = "online"
        server.state = "started"
        await self._change()  # the system boots after that
        if server.state == "started" and not server.stopping:
            await self._machines.run(server.public)

    async def _go_down(self, server: Server) -> None:
        await asyncio.sleep(self.slow_stop)
        await self._change()
        await self._machines.halt(server.public)
        server.state, server.stopping = "stopped", False

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _change(self) -> None:
        await asyncio.sleep(random.uniform(*self._changes))

    def _now(self) -> int:
        return self._began + int((time.monotonic() - self._started) / self._second)


def _has(labels: Mapping[str, str], wanted: str) -> bool:
    key, separator, value = wanted.partition("=")
    return key in labels and (not separator or labels[key] == value)


def _new(prefix: str) -> str:
    """UpCloud's UUIDs begin with what they stand for."""
    return prefix + str(uuid.uuid4())[2:]
