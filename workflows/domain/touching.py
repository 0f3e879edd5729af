"""Which servers an operation may touch, told from its spec before it starts."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from workflows.domain.operations import (
    ClusterOperation,
    ClustersConfig,
    CreateServersConfig,
    OperationSpec,
    ServerConfig,
    ServerOperation,
    ServerToDelete,
    TaskservOperation,
)
from workflows.domain.resources import Frozen

_COUNTED = re.compile(r"(.+)-\{1\.\.(\d+)\}")


class Touch(Frozen):
    """Servers of one infra."""

    infra: str
    names: tuple[str, ...] | None
    """Names, with counted ones in the shell's notation, as `web-{1..3}`. None: any server of the infra."""


def counted(wanted: ServerConfig | ServerToDelete) -> str:
    """One server's name, or the names of those that are counted through in the shell's notation."""
    return wanted.name if wanted.count is None else f"{wanted.name}-{{1..{wanted.count}}}"


def touches(operations: Iterable[OperationSpec]) -> tuple[Touch, ...]:
    """What a batch of these may touch, forward or when it is undone: one entry for each infra.

    What is only checked touches nothing.
    """
    specs = {operation.id: operation for operation in operations}
    found: dict[str, dict[str, None] | None] = {}
    for operation in specs.values():
        if operation.config.check_mode:
            continue
        infra, names = operation.config.infra, _names(operation, specs)
        known = found.setdefault(infra, {})
        if names is None:
            found[infra] = None
        elif known is not None:
            known.update(dict.fromkeys(names))
    return tuple(
        Touch(infra=infra, names=None if names is None else tuple(names)) for infra, names in found.items()
    )


def _names(operation: OperationSpec, specs: Mapping[str, OperationSpec]) -> Collection[str] | None:
    if isinstance(operation, ServerOperation):
        return [counted(wanted) for wanted in operation.config.server_configs]
    if isinstance(operation, ClusterOperation):
        return [cluster.server_names() for cluster in operation.config.clusters]
    if operation.config.servers is not None:
        return operation.config.servers
    # It goes to what its dependencies made or worked on, which they name; else to its infra's servers.
    return () if any(_hands_on(specs[need]) for need in operation.dependencies) else None


def _hands_on(operation: OperationSpec) -> bool:
    if isinstance(operation, TaskservOperation):
        return True
    return isinstance(operation.config, CreateServersConfig | ClustersConfig)


def expanded(names: Iterable[str]) -> Iterator[str]:
    """Each server's name: counted ones, as `web-{1..3}`, one by one."""
    for name in names:
        if match := _COUNTED.fullmatch(name):
            yield from (f"{match[1]}-{number}" for number in range(1, int(match[2]) + 1))
        else:
            yield name
