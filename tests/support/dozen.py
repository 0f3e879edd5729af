"""A batch of 12 operations, of which any can be made to fail for real."""

import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

from tests.support.stack import Stack
from tests.support.world import World, completed, delete_servers, operation, server, taskserv

NEEDS: dict[str, list[str]] = {
    "web": [],
    "db": [],
    "pool": [],
    "web-beacon": ["web"],
    "db-beacon": ["db"],
    "pool-flaky": ["pool"],
    "web-echo": ["web-beacon"],
    "db-echo": ["db-beacon"],
    "late": ["pool-flaky"],
    "late-beacon": ["late", "web-echo"],
    "old-beacon": ["db-beacon"],
    "old-flaky": ["db-echo"],
}
"""Servers, task services on them, and changes of the server `old`, which was there before the batch."""

_WORK: dict[str, dict[str, Any]] = {
    "web": {"server_configs": [server("web")]},
    "db": {"server_configs": [server("db")]},
    "pool": {"server_configs": [{**server("pool"), "count": 2}]},
    "web-beacon": {"taskservs": ["beacon"]},
    "db-beacon": {"taskservs": ["beacon"]},
    "pool-flaky": {"taskservs": ["flaky"]},
    "web-echo": {"taskservs": ["echo"]},
    "db-echo": {"taskservs": ["echo"]},
    "late": {"server_configs": [server("late")]},
    "late-beacon": {"taskservs": ["beacon"], "servers": ["late"]},
    "old-beacon": {"taskservs": [taskserv("beacon", message="changed")], "servers": ["old"]},
    "old-flaky": {"taskservs": ["flaky"], "servers": ["old"], "operation": "delete"},
}

_OTHER_PLAN = server("old", plan="2xCPU-4GB")
"""A server that cannot be made: `old` exists with another plan."""


def dozen(infra: str, failing: str | None = None, taken_port: int = 0) -> list[dict[str, Any]]:
    """The operations. `failing` is the one that fails; `taken_port` a port that no service can have."""
    work = _WORK | ({failing: _failing(failing, taken_port)} if failing else {})
    return [operation(name, needs, infra, **work[name]) for name, needs in NEEDS.items()]


def _failing(name: str, taken_port: int) -> dict[str, Any]:
    work = _WORK[name]
    if "server_configs" in work:
        # One of its servers can be made, so a part of it has to be undone.
        return {"server_configs": [*work["server_configs"], _OTHER_PLAN]}
    match name:
        case "pool-flaky":
            return work | {"taskservs": [taskserv("flaky", fail="create")]}
        case "old-flaky":
            return work | {"taskservs": ["beacon"]}  # the echo on the same server needs it
    (service,) = work["taskservs"]
    changes = service["params"] if isinstance(service, dict) else {}
    service_name = service["name"] if isinstance(service, dict) else service
    return work | {"taskservs": [taskserv(service_name, **changes, port=taken_port)]}


@contextlib.contextmanager
def port_in_use() -> Iterator[int]:
    """A port that is taken on every address of this machine, and so on every local server."""
    with socket.create_server(("0.0.0.0", 0)) as taken:  # noqa: S104 - that is what makes it taken everywhere
        yield taken.getsockname()[1]


@contextlib.asynccontextmanager
async def old_server(stack: Stack, infra: str) -> AsyncIterator[World]:
    """The server `old` with three task services, and the world with it. The infra is empty afterwards."""
    await completed(
        stack,
        [
            operation("old", [], infra, server_configs=[server("old")]),
            operation("services", ["old"], infra, taskservs=["beacon", "echo", "flaky"]),
        ],
    )
    yield await World.observe(stack)
    await delete_servers(stack, infra)


def dependents(name: str) -> set[str]:
    """Every operation that needs `name`, directly or through others."""
    direct = {one for one, needs in NEEDS.items() if name in needs}
    return direct.union(*(dependents(one) for one in direct))
