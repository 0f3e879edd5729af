"""Operations: the nodes of a batch, as they are wanted.

The config's fields are documented in README ("Operation config"). Unknown fields are refused, so that a
misspelt one is a clear error at the door and not a silent default.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, field_validator

from workflows.domain.actions import Cause
from workflows.domain.resources import Frozen, Params, ServerSpec
from workflows.domain.states import FailureAction

ResourceName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$", max_length=63)
]
"""A name that can be a host name, a directory and a part of a key. Up to 63 characters."""

MAX_NAME = 63

MAX_SERVERS_AT_ONCE = 1000
"""Of one operation, where they are named; an entry's `count` multiplies it."""
"""Characters of a resource's name."""

Label = Annotated[str, StringConstraints(min_length=1, max_length=255)]

DEFAULT_TIMEOUT = 3600
"""Seconds that an operation may take where its config does not say."""


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    infra: ResourceName = "default"
    timeout: int = Field(default=DEFAULT_TIMEOUT, ge=1, le=7 * 24 * 3600)
    on_failure: FailureAction | None = None
    check_mode: bool = False
    """Whether it only finds out what it would change."""


class _Counted(BaseModel):
    """One server, or `count` of them named `name-1` to `name-count`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ResourceName
    count: int | None = Field(default=None, ge=1, le=1000)

    def names(self) -> list[str]:
        if self.count is None:
            return [self.name]
        return [f"{self.name}-{number}" for number in range(1, self.count + 1)]


class ServerConfig(_Counted):
    """Servers to create."""

    plan: Label
    zone: Label
    labels: dict[Label, Annotated[str, StringConstraints(max_length=255)]] = {}
    provider: ResourceName | None = None
    """Where it is another one than the operation's."""
    image: Label | None = None
    ssh_user: Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")] | None = None

    def specs(self, infra: str, provider: str) -> list[ServerSpec]:
        return [
            ServerSpec(
                infra=infra,
                name=name,
                provider=self.provider or provider,
                plan=self.plan,
                zone=self.zone,
                labels=self.labels,
                image=self.image,
                ssh_user=self.ssh_user,
            )
            for name in self.names()
        ]


class ServerToDelete(_Counted):
    """Servers to delete. The rest may be given, so that a create can be sent again as a delete."""

    plan: Label | None = None
    zone: Label | None = None
    labels: dict[str, str] = {}
    provider: str | None = None
    image: str | None = None
    ssh_user: str | None = None


class CreateServersConfig(_Config):
    operation: Literal["create"] = "create"
    server_configs: list[ServerConfig] = Field(min_length=1, max_length=MAX_SERVERS_AT_ONCE)

    def specs(self, provider: str) -> list[ServerSpec]:
        return [spec for c in self.server_configs for spec in c.specs(self.infra, provider)]


class DeleteServersConfig(_Config):
    operation: Literal["delete"]
    server_configs: list[ServerToDelete] = Field(min_length=1, max_length=MAX_SERVERS_AT_ONCE)

    def names(self) -> list[str]:
        return [name for c in self.server_configs for name in c.names()]


class TaskservItem(BaseModel):
    """A task service and its parameters; a bare name stands for one without parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ResourceName
    params: Params = {}


def _from_bare_name(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


TaskservEntry = Annotated[
    TaskservItem, BeforeValidator(_from_bare_name, json_schema_input_type=str | TaskservItem)
]

TaskservWork = Literal["create", "delete", "restart", "configure"]
"""`create` installs or changes, `configure` changes what is installed, `restart` changes nothing."""


class TaskservsConfig(_Config):
    operation: TaskservWork = "create"
    taskservs: list[TaskservEntry] = Field(min_length=1, max_length=100)
    servers: list[ResourceName] | None = Field(default=None, min_length=1, max_length=MAX_SERVERS_AT_ONCE)
    server_params: dict[ResourceName, dict[ResourceName, Params]] = Field(
        default={}, max_length=MAX_SERVERS_AT_ONCE
    )
    """By server and task service: parameters over those that the task service has for all."""

    def params_for(self, server: str) -> dict[str, Params]:
        """By task service, what is wanted on one server."""
        own = self.server_params.get(server, {})
        return {item.name: {**item.params, **own.get(item.name, {})} for item in self.taskservs}


MAX_NODES = 100
"""Nodes that a cluster may have."""

ClusterWork = Literal["create", "delete", "scale", "upgrade"]


class _ClusterName(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ResourceName

    @field_validator("name")
    @classmethod
    def _nodes_can_be_named(cls, name: str) -> str:
        if len(longest := f"{name}-{MAX_NODES}") > MAX_NAME:
            raise ValueError(f"{longest} is longer than {MAX_NAME} characters")
        return name

    def server_names(self) -> str:
        """The names that it may give to servers, in the shell's notation: it can be scaled up."""
        return f"{self.name}-{{1..{MAX_NODES}}}"


class ClusterConfig(_ClusterName):
    """A cluster: servers that one description of the catalogue makes into one thing."""

    cluster_type: ResourceName
    provider: ResourceName | None = None
    """Where it is another one than the operation's."""
    plan: Label
    zone: Label
    nodes: int = Field(ge=1, le=MAX_NODES)
    version: Label | None = None
    """None for what the type, or the source of its packages, has as its own."""
    params: Params = {}

    def node(self, number: int) -> str:
        """The name of a node's server; the first one's number is 1."""
        return f"{self.name}-{number}"

    def nodes_named(self) -> list[str]:
        return [self.node(number) for number in range(1, self.nodes + 1)]


class ClusterToDelete(_ClusterName):
    """A cluster to delete. The rest may be given, so that a create can be sent again as a delete."""

    cluster_type: str | None = None
    provider: str | None = None
    plan: Label | None = None
    zone: Label | None = None
    nodes: int | None = None
    version: str | None = None
    params: Params = {}


class ClustersConfig(_Config):
    operation: Literal["create", "scale", "upgrade"] = "create"
    clusters: list[ClusterConfig] = Field(min_length=1, max_length=100)


class DeleteClustersConfig(_Config):
    operation: Literal["delete"]
    clusters: list[ClusterToDelete] = Field(min_length=1, max_length=100)


def _operation_kind(value: object) -> str:
    operation = value.get("operation") if isinstance(value, dict) else getattr(value, "operation", None)
    return "delete" if operation == "delete" else "create"


class _Operation(Frozen):
    id: str
    provider: str
    dependencies: tuple[str, ...] = ()


class ServerOperation(_Operation):
    type: Literal["server_batch"] = "server_batch"
    config: CreateServersConfig | DeleteServersConfig


class TaskservOperation(_Operation):
    type: Literal["taskserv_batch"] = "taskserv_batch"
    config: TaskservsConfig


class ClusterOperation(_Operation):
    type: Literal["cluster_batch"] = "cluster_batch"
    config: ClustersConfig | DeleteClustersConfig


OperationSpec = Annotated[ServerOperation | TaskservOperation | ClusterOperation, Field(discriminator="type")]


def cause_of(task: str, batch: str | None, operation: OperationSpec) -> Cause:
    return Cause(task_id=task, batch_id=batch, operation_id=operation.id)


_WORK = {
    "create": "creation",
    "delete": "deletion",
    "restart": "restart",
    "configure": "configuration",
    "scale": "scaling",
    "upgrade": "upgrade",
}
_THING = {"server_batch": "server", "taskserv_batch": "taskserv", "cluster_batch": "cluster"}


def workflow_type(operation: OperationSpec) -> str:
    """What kind of work it is, as events name it: `server_creation`, `taskserv_restart` and so on."""
    return f"{_THING[operation.type]}_{_WORK[operation.config.operation]}"


def config_model(operation_type: str, config: object) -> type[_Config]:
    """The model that `config` must fit; a validation error then speaks of one shape and not of a union."""
    if operation_type == "taskserv_batch":
        return TaskservsConfig
    if operation_type == "cluster_batch":
        return DeleteClustersConfig if _operation_kind(config) == "delete" else ClustersConfig
    return DeleteServersConfig if _operation_kind(config) == "delete" else CreateServersConfig
