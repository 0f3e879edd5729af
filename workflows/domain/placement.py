"""Which servers an operation's task services will go to, as far as its batch alone tells before it starts.

`workflows/handing_on.py` does the same with the servers themselves, once they are there.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import NamedTuple

from workflows.domain.operations import (
    ClusterOperation,
    ClustersConfig,
    CreateServersConfig,
    OperationSpec,
    ServerOperation,
    TaskservOperation,
)
from workflows.domain.touching import counted


class Placement(NamedTuple):
    """Servers of one infra; names that are counted through are in the shell's notation, as `web-{1..3}`."""

    infra: str
    names: tuple[str, ...]


class _Server(NamedTuple):
    infra: str
    name: str
    provider: str


_Servers = tuple[_Server, ...]


def placements(operations: Sequence[OperationSpec]) -> dict[str, Placement | None]:
    """Where each task-service operation goes.

    None where the batch does not say it: to the servers that its infra has at its provider by then, or to
    several infras.
    """
    specs = {operation.id: operation for operation in operations}
    order = TopologicalSorter({name: spec.dependencies for name, spec in specs.items()}).static_order()
    handed: dict[str, _Servers | None] = {}
    for name in order:
        handed[name] = _servers(specs[name], specs, handed)
    return {
        name: _placement(handed[name]) for name, spec in specs.items() if isinstance(spec, TaskservOperation)
    }


def _servers(
    operation: OperationSpec, specs: Mapping[str, OperationSpec], handed: Mapping[str, _Servers | None]
) -> _Servers | None:
    """What it makes or works on, which it hands on; None where that is not known."""
    infra, provider = operation.config.infra, operation.provider
    if not isinstance(operation, TaskservOperation):
        return tuple(_Server(infra, *one) for one in _made(operation))
    if operation.config.servers is not None:
        return _unique(_Server(infra, name, provider) for name in operation.config.servers)
    made = [handed[need] for need in operation.dependencies if _makes_servers(specs[need])]
    worked_on = [handed[need] for need in operation.dependencies if not _makes_servers(specs[need])]
    for kind in (made, worked_on):
        if None in kind:
            return None
        at_hand = [server for servers in kind for server in servers or ()]
        if at_hand:
            same_provider = [server for server in at_hand if server.provider == provider]
            return _unique(same_provider or at_hand)
    return None


def _makes_servers(operation: OperationSpec) -> bool:
    return not isinstance(operation, TaskservOperation)


def _made(operation: ServerOperation | ClusterOperation) -> Iterator[tuple[str, str]]:
    """The names of the servers that it makes or leaves, and their providers."""
    config, provider = operation.config, operation.provider
    if isinstance(config, CreateServersConfig):
        yield from ((counted(wanted), wanted.provider or provider) for wanted in config.server_configs)
    elif isinstance(config, ClustersConfig):
        for cluster in config.clusters:
            yield from ((name, cluster.provider or provider) for name in cluster.nodes_named())


def _placement(servers: _Servers | None) -> Placement | None:
    if not servers or len({server.infra for server in servers}) > 1:
        return None
    return Placement(servers[0].infra, tuple(server.name for server in servers))


def _unique(servers: Iterable[_Server]) -> _Servers:
    return tuple({(server.infra, server.name): server for server in servers}.values())
