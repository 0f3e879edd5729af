"""Which servers an operation gets from the ones that it depends on (README, "Where task services go")."""

from collections.abc import Iterable, Iterator, Mapping

from workflows.domain.operations import OperationSpec, ServerOperation, TaskservOperation
from workflows.domain.resources import Server

Servers = Mapping[str, tuple[Server, ...]]
Operations = Mapping[str, OperationSpec]


def servers_for(operation: OperationSpec, operations: Operations, servers: Servers) -> tuple[Server, ...]:
    """The servers to work on, as far as this batch made or touched them.

    Without names: what the direct dependencies made at this provider, else what they made at all, else what
    they worked on, in the same order of preference. With names, and for deletions: whatever of these any
    ancestor made, since names say exactly which.
    """
    if isinstance(operation, ServerOperation):
        return _unique(_of_ancestors(operation, operations, servers))
    if operation.config.servers is not None:
        wanted = set(operation.config.servers)
        found = _of_ancestors(operation, operations, servers)
        return _unique(server for server in found if server.spec.name in wanted)
    direct = [operations[name] for name in operation.dependencies]
    for kind in (ServerOperation, TaskservOperation):
        at_hand = [s for need in direct if isinstance(need, kind) for s in servers.get(need.id, ())]
        same_provider = [server for server in at_hand if server.spec.provider == operation.provider]
        if at_hand:
            return _unique(same_provider or at_hand)
    return ()


def looks_up(operation: OperationSpec, found: tuple[Server, ...]) -> bool:
    """Whether the operation will ask the inventory, which must then know what this batch did so far."""
    if operation.config.operation == "delete":
        return True
    if isinstance(operation, ServerOperation):
        return False
    names = operation.config.servers
    return not found if names is None else len(found) < len(set(names))


def _of_ancestors(operation: OperationSpec, operations: Operations, servers: Servers) -> Iterator[Server]:
    seen: set[str] = set()
    waiting = list(operation.dependencies)
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        yield from servers.get(name, ())
        waiting.extend(operations[name].dependencies)


def _unique(servers: Iterable[Server]) -> tuple[Server, ...]:
    return tuple({server.key: server for server in servers}.values())
