"""What an operation gets from the ones that it depends on (README, "Where task services go")."""

from collections.abc import Iterable, Iterator, Mapping

from workflows.domain.batches import BatchSpec, OperationInput
from workflows.domain.changes import Change
from workflows.domain.dag import Graph, before
from workflows.domain.effects import Effect
from workflows.domain.identity import task_id
from workflows.domain.operations import (
    ClusterOperation,
    CreateServersConfig,
    OperationSpec,
    ServerOperation,
    TaskservOperation,
)
from workflows.domain.resources import Server
from workflows.domain.states import FailureAction

Servers = Mapping[str, tuple[Server, ...]]
Operations = Mapping[str, OperationSpec]


def servers_for(operation: OperationSpec, operations: Operations, servers: Servers) -> tuple[Server, ...]:
    """The servers to work on, as far as this batch made or touched them.

    Without names: what the direct dependencies made at this provider, else what they made at all, else what
    they worked on, in the same order of preference. With names, and for deletions: whatever of these any
    ancestor made, since names say exactly which.
    """
    if not isinstance(operation, TaskservOperation):
        return _unique(_of_ancestors(operation, operations, servers))
    if operation.config.servers is not None:
        wanted = set(operation.config.servers)
        found = _of_ancestors(operation, operations, servers)
        return _unique(server for server in found if server.spec.name in wanted)
    direct = [operations[name] for name in operation.dependencies]
    for kinds in ((ServerOperation, ClusterOperation), (TaskservOperation,)):
        at_hand = [s for need in direct if isinstance(need, kinds) for s in servers.get(need.id, ())]
        same_provider = [server for server in at_hand if server.spec.provider == operation.provider]
        if at_hand:
            return _unique(same_provider or at_hand)
    return ()


def builds_on(
    operation: OperationSpec, found: tuple[Server, ...], effects: Iterable[Effect]
) -> tuple[Effect, ...]:
    """Those of `effects` that were done to the servers that the operation makes or works on."""
    config = operation.config
    if isinstance(config, CreateServersConfig):
        keys = {spec.key for spec in config.specs(operation.provider)}
    else:
        keys = {server.key for server in found}
    return tuple(effect for effect in effects if effect.server.key in keys)


def foreseen_before(
    operation: OperationSpec, graph: Graph, foreseen: Mapping[str, tuple[Change, ...]]
) -> tuple[Change, ...]:
    """For check mode: what the operations before it would change, in an order that could be carried out."""
    if not operation.config.check_mode:
        return ()
    return tuple(change for name in before(graph, operation.id) for change in foreseen.get(name, ()))


def input_for(
    batch: BatchSpec,
    operation: OperationSpec,
    found: tuple[Server, ...],
    effects: tuple[Effect, ...],
    foreseen: tuple[Change, ...],
) -> OperationInput:
    """What the operation's workflow is started with."""
    return OperationInput(
        task_id=task_id(batch.batch_id, operation.id),
        operation=operation,
        batch_id=batch.batch_id,
        made_by_dependencies=found,
        storage_backend=batch.storage_backend,
        builds_on=effects,
        foreseen=foreseen,
        undo_on_failure=batch.on_failure(operation) is FailureAction.ROLLBACK,
    )


def looks_up(operation: OperationSpec, found: tuple[Server, ...]) -> bool:
    """Whether the operation will ask the inventory, which must then know what this batch did so far."""
    if operation.config.operation == "delete" or operation.config.check_mode:
        return True
    if isinstance(operation, ServerOperation):
        return False
    if isinstance(operation, ClusterOperation):
        return True
    names = operation.config.servers
    return not found if names is None else len(found) < len(set(names))


def _of_ancestors(operation: OperationSpec, operations: Operations, servers: Servers) -> Iterator[Server]:
    """Those of each ancestor behind those of its own, so that what was made anew is behind what is gone."""
    seen: set[str] = set()
    waiting = [(name, False) for name in reversed(operation.dependencies)]
    while waiting:
        name, needs_are_through = waiting.pop()
        if needs_are_through:
            yield from servers.get(name, ())
        elif name not in seen:
            seen.add(name)
            waiting.append((name, True))
            waiting.extend((need, False) for need in reversed(operations[name].dependencies))


def _unique(servers: Iterable[Server]) -> tuple[Server, ...]:
    """Of several with one name the last, which is the one that is there."""
    return tuple({server.key: server for server in servers}.values())
