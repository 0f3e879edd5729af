"""The command lines of tasks: what a person would type behind `provisioning` for the same work.

`api/cli/` takes them as they are: what it would send for them does what the task did, alone.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue

from workflows.domain.batches import BatchSpec
from workflows.domain.operations import (
    DEFAULT_TIMEOUT,
    ClustersConfig,
    CreateServersConfig,
    DeleteClustersConfig,
    DeleteServersConfig,
    OperationSpec,
    ServerConfig,
    TaskservsConfig,
)
from workflows.domain.placement import Placement, placements
from workflows.domain.resources import Params
from workflows.domain.states import FailureAction
from workflows.domain.touching import counted

COMMAND = "provisioning"

Words = tuple[str, ...]

_LONGEST = 65_536
"""Characters of a rollback's operations that its command line names in full."""

_NAMED = 20
"""How many it names where they are more: then it is there to be read, and cannot be run."""


def command_lines(batch: BatchSpec) -> dict[str, Words]:
    """The words for each operation of a batch, by its id."""
    where = placements(batch.operations)
    return {
        operation.id: command_line(operation, where.get(operation.id), batch.on_failure(operation))
        for operation in batch.operations
    }


def command_line(
    operation: OperationSpec,
    placement: Placement | None = None,
    on_failure: FailureAction = FailureAction.ROLLBACK,
) -> Words:
    """The words for one operation.

    Args:
        placement: where its task services go, if its dependencies say so: alone it has none.
        on_failure: what its failure means where it is now.
    """
    config = operation.config
    infra = config.infra if placement is None else placement.infra
    common = (
        *("--infra", infra, "--provider", operation.provider),
        *(("--timeout", str(config.timeout)) if config.timeout != DEFAULT_TIMEOUT else ()),
        *(("--on-failure", on_failure.value) if on_failure is not FailureAction.ROLLBACK else ()),
        *(("--check",) if config.check_mode else ()),
    )
    match config:
        case CreateServersConfig():
            return ("servers", "create", *common, *_wanted(config.server_configs))
        case DeleteServersConfig():
            names = (counted(gone) for gone in config.server_configs)
            return ("servers", "delete", *common, *names)
        case TaskservsConfig():
            return ("taskserv", config.operation, *_taskservs(config, placement), *common)
        case ClustersConfig() | DeleteClustersConfig():
            return ("cluster", config.operation, *common, *_clusters(config))
    raise TypeError(f"no command line for {type(operation).__name__}")


def _wanted(servers: Sequence[ServerConfig]) -> Iterator[str]:
    """Names where all servers are alike but for them, and whole descriptions where they are not."""
    kinds = {server.model_copy(update={"name": "", "count": None}).model_dump_json() for server in servers}
    common = servers[0]
    if len(kinds) > 1 or common.provider is not None or any("=" in key for key in common.labels):
        for server in servers:
            yield "--server"
            yield _json(server.model_dump(mode="json", exclude_defaults=True))
        return
    yield from ("--plan", common.plan, "--zone", common.zone)
    for key, value in common.labels.items():
        yield from ("--label", f"{key}={value}")
    if common.image is not None:
        yield from ("--image", common.image)
    if common.ssh_user is not None:
        yield from ("--ssh-user", common.ssh_user)
    yield from (counted(server) for server in servers)


def _clusters(config: ClustersConfig | DeleteClustersConfig) -> Iterator[str]:
    for cluster in config.clusters:
        yield from ("--cluster", _json(cluster.model_dump(mode="json", exclude_defaults=True)))


def _taskservs(config: TaskservsConfig, placement: Placement | None) -> Iterator[str]:
    yield from (item.name for item in config.taskservs)
    for item in config.taskservs:
        yield from _parameters(item.name, item.params)
    for server, wanted in config.server_params.items():
        for name, params in wanted.items():
            yield from _parameters(f"{server}/{name}", params)
    servers = config.servers if placement is None else placement.names
    if servers is not None:
        yield from ("--servers", ",".join(servers))


def _parameters(address: str, params: Params) -> Iterator[str]:
    for name, value in params.items():
        yield from ("--param", f"{address}.{name}={parameter_text(value)}")


def parameter_text(value: JsonValue) -> str:
    """A parameter's value as it is typed: JSON, or a text as it is where nobody takes it for JSON."""
    if isinstance(value, str) and parameter_value(value) == value:
        return value
    return _json(value)


def parameter_value(text: str) -> JsonValue:
    """The value that was typed: JSON, or else the text itself."""
    try:
        value: JsonValue = json.loads(text, parse_constant=_no_json)
    except ValueError:
        return text
    return value


def _no_json(name: str) -> JsonValue:
    """Python would take NaN and its like, which are no JSON."""
    raise ValueError(name)


def rollback_to(checkpoint_id: str) -> Words:
    return ("rollback", "--checkpoint", checkpoint_id)


def rollback_of(operations: Sequence[str]) -> Words:
    """Where they are too many for a command line, it says so in a word that no command takes."""
    if sum(map(len, operations)) > _LONGEST:
        more = f"and {len(operations) - _NAMED} more"
        return (*_each("--operation", operations[:_NAMED]), more)
    return _each("--operation", operations)


def _each(option: str, values: Sequence[str]) -> Words:
    return ("rollback", *(word for value in values for word in (option, value)))


def _json(value: JsonValue | Mapping[str, JsonValue]) -> str:
    return json.dumps(value, ensure_ascii=False)
