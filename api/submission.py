"""The door: a batch that passes here can be carried out as it is written, and starts nothing before.

Everything that is wrong is told with its place in the request, ten mistakes at a time.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import ParamSpec
from uuid import uuid4

from pydantic import ValidationError
from pydantic_core import to_json

from activities.catalogue.cluster_types import ClusterCatalogue
from activities.provider_ports import ServerProvider, ServerProviders
from api.errors import join, where
from api.schemas.batch_operations import BatchOperation, BatchOperationRequest
from api.validating import validated
from workflows.domain import dag
from workflows.domain.batches import BatchSpec
from workflows.domain.errors import InvalidRequest
from workflows.domain.operations import (
    MAX_NAME,
    ClusterConfig,
    ClusterOperation,
    ClustersConfig,
    CreateServersConfig,
    DeleteClustersConfig,
    DeleteServersConfig,
    OperationSpec,
    ServerConfig,
    ServerOperation,
    ServerToDelete,
    TaskservOperation,
    TaskservsConfig,
    config_model,
)
from workflows.domain.resources import ServerSpec

P = ParamSpec("P")

_SHORT = 8 * 1024
"""Bytes of a config up to which all its mistakes are listed."""
_ENOUGH = 1000
"""Mistakes after which no further operation is looked at: ten are told, and a batch has room for millions."""

OperationConfig = (
    CreateServersConfig | DeleteServersConfig | TaskservsConfig | ClustersConfig | DeleteClustersConfig
)


class BatchDoor:
    """Turns what was asked for into a `BatchSpec`, or says what is wrong with it."""

    def __init__(
        self, providers: ServerProviders, catalogue: ClusterCatalogue, max_operations: int, max_servers: int
    ) -> None:
        self._providers = providers
        self._catalogue = catalogue
        self._max_operations = max_operations
        self._max_servers = max_servers

    def admit(
        self, request: BatchOperationRequest, requested_by: str, now: datetime, *, check_mode: bool = False
    ) -> BatchSpec:
        """The batch under a new id; with `check_mode`, all its operations are only checked.

        Raises:
            InvalidRequest: with the place of each mistake.
        """
        self._check_shape(request)
        operations = self._operations(request)
        if check_mode:
            operations = [only_checked(operation) for operation in operations]
        _check_what_is_only_checked(operations)
        self._check_servers(operations)
        return BatchSpec(
            batch_id=str(uuid4()),
            name=request.name,
            version=request.version,
            storage_backend=request.storage_backend,
            parallel_limit=request.parallel_limit,
            rollback_enabled=request.rollback_enabled,
            operations=tuple(operations),
            requested_by=requested_by,
            created_at=now,
        )

    def _check_shape(self, request: BatchOperationRequest) -> None:
        count = len(request.operations)
        if count == 0:
            raise InvalidRequest("operations: a batch needs at least one operation")
        if count > self._max_operations:
            raise InvalidRequest(f"operations: {count} are more than the {self._max_operations} allowed")
        dag.validate([(operation.id, operation.dependencies) for operation in request.operations])

    def _operations(self, request: BatchOperationRequest) -> list[OperationSpec]:
        admitted: list[OperationSpec] = []
        mistakes: list[str] = []
        for index, operation in enumerate(request.operations):
            found = _Operation(index, operation, self._providers, self._catalogue)
            spec = found.spec()
            if spec is not None:
                admitted.append(spec)
            mistakes.extend(found.mistakes)
            if len(mistakes) > _ENOUGH:
                break
        if mistakes:
            raise InvalidRequest(join(mistakes))
        return admitted

    def _check_servers(self, operations: list[OperationSpec]) -> None:
        """No two operations may make the same server: the second would find the first one's."""
        made: dict[str, str] = {}
        for operation in operations:
            for key in _server_keys(operation.config):
                if key in made:
                    both = " and ".join(dict.fromkeys((made[key], operation.id)))
                    raise InvalidRequest(f"server {key} is made twice: by {both}")
                made[key] = operation.id
                if len(made) > self._max_servers:
                    raise InvalidRequest(f"operations: more than {self._max_servers} servers in one batch")


def only_checked(operation: OperationSpec) -> OperationSpec:
    """The operation, finding out what it would change."""
    config = operation.config.model_copy(update={"check_mode": True})
    return operation.model_copy(update={"config": config})


def _check_what_is_only_checked(operations: Sequence[OperationSpec]) -> None:
    """What is only checked leaves nothing that others could build on."""
    checked = {operation.id for operation in operations if operation.config.check_mode}
    mistakes = [
        f"operations[{index}].dependencies: {need} is only checked, so {operation.id} cannot be carried out "
        "behind it"
        for index, operation in enumerate(operations)
        if operation.id not in checked
        for need in operation.dependencies
        if need in checked
    ]
    if mistakes:
        raise InvalidRequest(join(mistakes))


def _server_keys(config: OperationConfig) -> Iterator[str]:
    """The servers that it makes, or may: a cluster's names are its own."""
    if isinstance(config, CreateServersConfig):
        return (f"{config.infra}/{name}" for server in config.server_configs for name in server.names())
    if isinstance(config, ClustersConfig) and config.operation == "create":
        return (f"{config.infra}/{name}" for cluster in config.clusters for name in cluster.nodes_named())
    return iter(())


class _Operation:
    """One operation at the door, and what is wrong with it."""

    def __init__(
        self, index: int, wanted: BatchOperation, providers: ServerProviders, catalogue: ClusterCatalogue
    ) -> None:
        self._path = f"operations[{index}]"
        self._wanted = wanted
        self._providers = providers
        self._clusters = catalogue
        self._catalogue = catalogue.services
        self.mistakes: list[str] = []

    def spec(self) -> OperationSpec | None:
        """The operation as it will be carried out; None, and `mistakes`, where it cannot be."""
        wanted = self._wanted
        provider = self._provider()
        config = self._config()
        if config is None or provider is None:
            return None
        dependencies = tuple(dict.fromkeys(wanted.dependencies))
        if isinstance(config, TaskservsConfig):
            self._check_taskservs(config)
            return TaskservOperation(
                id=wanted.id, provider=wanted.provider, dependencies=dependencies, config=config
            )
        if isinstance(config, ClustersConfig | DeleteClustersConfig):
            self._check_clusters(config)
            return ClusterOperation(
                id=wanted.id, provider=wanted.provider, dependencies=dependencies, config=config
            )
        self._check_servers(config, provider)
        return ServerOperation(
            id=wanted.id, provider=wanted.provider, dependencies=dependencies, config=config
        )

    def _provider(self) -> ServerProvider | None:
        try:
            return self._providers.get(self._wanted.provider)
        except InvalidRequest as error:
            self._refuse("provider", error.message)
            return None

    def _config(self) -> OperationConfig | None:
        model = config_model(self._wanted.type, self._wanted.config)
        try:
            # From JSON text, where strict still takes a list for a tuple.
            config = validated(model, to_json(self._wanted.config), strict=True, short=_SHORT)
        except ValidationError as error:
            for entry in error.errors(include_url=False, include_input=False, include_context=False):
                self._refuse(where(entry["loc"], "config"), entry["msg"])
            return None
        if isinstance(config, OperationConfig):
            return config
        raise TypeError(f"no door for {type(config).__name__}")

    def _check_servers(
        self, config: CreateServersConfig | DeleteServersConfig, provider: ServerProvider
    ) -> None:
        servers: Sequence[ServerConfig | ServerToDelete] = config.server_configs
        for index, server in enumerate(servers):
            longest = server.names()[-1]
            if len(longest) > MAX_NAME:
                path = f"config.server_configs[{index}].name"
                self._refuse(path, f"{longest} is longer than {MAX_NAME} characters")
        if isinstance(config, CreateServersConfig):
            self._check_plans(config, provider)

    def _check_plans(self, config: CreateServersConfig, provider: ServerProvider) -> None:
        for index, server in enumerate(config.server_configs):
            # All of one entry are alike: the first stands for them.
            alone = config.model_copy(update={"server_configs": (server.model_copy(update={"count": None}),)})
            self._try(
                f"config.server_configs[{index}]", provider.check, alone.specs(self._wanted.provider)[0]
            )

    def _check_taskservs(self, config: TaskservsConfig) -> None:
        is_restart = config.operation == "restart"
        check = self._catalogue.check_restart if is_restart else self._catalogue.check
        seen: set[str] = set()
        for index, item in enumerate(config.taskservs):
            path = f"config.taskservs[{index}]"
            if item.name in seen:
                self._refuse(path, f"{item.name} stands here twice")
            seen.add(item.name)
            self._try(path, check, item.name, item.params)
        for server, wanted in config.server_params.items():
            path = f"config.server_params.{server}"
            if config.servers is not None and server not in config.servers:
                self._refuse(path, f"{server} is none of config.servers")
            for name, params in wanted.items():
                if name not in seen:
                    self._refuse(f"{path}.{name}", f"{name} is none of config.taskservs")
                else:
                    self._try(f"{path}.{name}", check, name, params)

    def _check_clusters(self, config: ClustersConfig | DeleteClustersConfig) -> None:
        seen: set[str] = set()
        for index, cluster in enumerate(config.clusters):
            path = f"config.clusters[{index}]"
            if cluster.name in seen:
                self._refuse(path, f"{cluster.name} stands here twice")
            seen.add(cluster.name)
            if isinstance(cluster, ClusterConfig):
                provider = cluster.provider or self._wanted.provider
                self._try(path, self._clusters.check, cluster, provider)
                self._try(path, self._check_node, cluster, provider, config.infra)

    def _check_node(self, cluster: ClusterConfig, provider: str, infra: str) -> None:
        spec = ServerSpec(
            infra=infra, name=cluster.node(1), provider=provider, plan=cluster.plan, zone=cluster.zone
        )
        self._providers.get(provider).check(spec)

    def _try(self, path: str, check: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            check(*args, **kwargs)
        except InvalidRequest as error:
            self._refuse(path, error.message)

    def _refuse(self, path: str, message: str) -> None:
        self.mistakes.append(f"{self._path}.{path}: {message}")
