"""Our own calls: what a test wants to see, and what it wants to be different."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from tests.support.upcloud_server import shapes
from tests.support.upcloud_server.cloud import Cloud
from tests.support.upcloud_server.faults import Fault, Faults
from tests.support.upcloud_server.machines import Machines


class Changes(BaseModel):
    """Those that are left out stay as they are."""

    deaf: bool | None = None
    """Whether servers ignore being asked to shut down."""
    slow_stop: float | None = None
    """Seconds that a server takes to shut down."""
    core_limit: int | None = None
    delay: int | None = None
    """Seconds of its clock by which a server is older than it seems to have been there."""
    addresses: list[str] = []
    """For the next servers: where somebody else answers; an empty one means no public address."""


def control_routes(cloud: Cloud, machines: Machines, faults: Faults) -> APIRouter:
    router = APIRouter()

    @router.get("/state")
    async def state() -> Any:
        """What exists, whoever asks; from where calls came that are kept back; what was ever ordered."""
        return {
            "servers": [shapes.detailed(server) for server in cloud.servers.values()],
            "storages": [shapes.private_storage(storage) for storage in cloud.storages.values()],
            "stopping": [server.uuid for server in cloud.servers.values() if server.stopping],
            "held": faults.held,
            "orders": [{**order._asdict(), "storage": order.storage._asdict()} for order in cloud.orders],
        }

    @router.post("/changes")
    async def change(changes: Changes) -> None:
        cloud.deaf = cloud.deaf if changes.deaf is None else changes.deaf
        cloud.slow_stop = cloud.slow_stop if changes.slow_stop is None else changes.slow_stop
        cloud.core_limit = cloud.core_limit if changes.core_limit is None else changes.core_limit
        cloud.delay = cloud.delay if changes.delay is None else changes.delay
        machines.give(changes.addresses)

    @router.post("/faults")
    async def add(fault: Fault) -> None:
        faults.add(fault)

    @router.post("/reset")
    async def reset() -> None:
        faults.release()
        await cloud.clear()

    @router.post("/release")
    async def release() -> None:
        faults.release()

    return router
