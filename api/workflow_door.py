"""The door for single submissions: what is wrong with them or with their settings is told, before a start."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from activities.catalogue.cluster_types import ClusterCatalogue
from activities.catalogue.service import START_TIMEOUT
from activities.infras import InfraSettings
from activities.provider_ports import ServerProviders
from api.errors import join
from api.schemas.workflows import ClusterWorkflow, TaskservWorkflow, WorkflowSubmission
from api.submission import only_checked
from workflows.domain.errors import InvalidRequest
from workflows.domain.infras import InfraCluster, InfraServer, InfraSpec
from workflows.domain.operations import (
    MAX_SERVERS_AT_ONCE,
    ClusterOperation,
    ClustersConfig,
    ClusterToDelete,
    CreateServersConfig,
    DeleteClustersConfig,
    OperationSpec,
    ServerConfig,
    ServerOperation,
    TaskservItem,
    TaskservOperation,
    TaskservsConfig,
    TaskservWork,
)
from workflows.domain.resources import Params


class Admitted(NamedTuple):
    """A submission that may pass: what is to be done, and the command line that asks for the same."""

    operation: OperationSpec
    args: tuple[str, ...]


class WorkflowDoor:
    """Evaluates the settings of a submission, and says what is to be done."""

    def __init__(
        self, settings: InfraSettings, clusters: ClusterCatalogue, providers: ServerProviders
    ) -> None:
        self._settings = settings
        self._clusters = clusters
        self._catalogue = clusters.services
        self._providers = providers

    async def admit(self, submission: WorkflowSubmission) -> Admitted:
        """What is to be done.

        Raises:
            InvalidRequest: with the place of each mistake, in the request or in the settings file.
            Unavailable: the settings cannot be evaluated for now.
        """
        infra: InfraSpec | None = None
        mistakes: list[str] = []
        try:
            infra = await self._settings.load(submission.infra, submission.settings)
        except InvalidRequest as error:
            mistakes.append(error.message)
        if isinstance(submission, TaskservWorkflow):
            mistakes.extend(self._refusals("taskserv", self._catalogue.get, submission.taskserv))
        if isinstance(submission, ClusterWorkflow):
            mistakes.extend(self._refusals("cluster_type", self._clusters.get, submission.cluster_type))
        if mistakes or infra is None:
            raise InvalidRequest(join(mistakes))
        if isinstance(submission, ClusterWorkflow):
            admitted = self._cluster(submission, infra)
        elif isinstance(submission, TaskservWorkflow):
            admitted = self._taskserv(submission, infra)
        else:
            admitted = self._servers(submission, infra)
        if submission.check_mode:
            return Admitted(only_checked(admitted.operation), (*admitted.args, "--check"))
        return admitted

    def _servers(self, submission: WorkflowSubmission, infra: InfraSpec) -> Admitted:
        if not infra.servers:
            raise InvalidRequest(f"settings: infra {infra.name} describes no servers")
        mistakes = [text for place, server in _placed(infra) for text in self._wrong(place, server, infra)]
        if mistakes:
            raise InvalidRequest(join(mistakes))
        config = CreateServersConfig(infra=infra.name, server_configs=[_config(s) for s in infra.servers])
        operation = ServerOperation(
            id="create_servers", provider=_only(server.provider for server in infra.servers), config=config
        )
        return Admitted(operation, ("servers", "create", *_where(submission)))

    def _wrong(self, place: str, server: InfraServer, infra: InfraSpec) -> Iterator[str]:
        def check() -> None:
            self._providers.get(server.provider).check(server.specs(infra.name, server.provider)[0])

        return self._refusals(place, check)

    def _taskserv(self, submission: TaskservWorkflow, infra: InfraSpec) -> Admitted:
        name = submission.taskserv
        wanted: dict[str, Params] = {}
        providers: list[str] = []
        mistakes: list[str] = []
        for place, server in _placed(infra):
            for item in server.taskservs:
                if item.name == name:
                    mistakes += self._refusals(f"{place}.taskservs", self._catalogue.check, name, item.params)
                    params = _said(submission.operation, item.params)
                    wanted.update(dict.fromkeys(server.names(), params))
                    providers.append(server.provider)
        if not wanted:
            where = f"{infra.name} has {name} in {submission.settings}"
            raise InvalidRequest(f"taskserv: no server of infra {where}")
        if mistakes:
            raise InvalidRequest(join(mistakes))
        if len(wanted) > MAX_SERVERS_AT_ONCE:
            most = f"one operation takes {MAX_SERVERS_AT_ONCE}"
            raise InvalidRequest(f"taskserv: {name} is on {len(wanted)} servers, and {most}")
        config = TaskservsConfig(
            operation=submission.operation,
            infra=infra.name,
            taskservs=[TaskservItem(name=name)],
            servers=list(wanted),
            server_params={server: {name: params} for server, params in wanted.items() if params},
        )
        operation = TaskservOperation(
            id=f"{submission.operation}_{name}", provider=_only(providers), config=config
        )
        return Admitted(operation, ("taskserv", submission.operation, name, *_where(submission)))

    def _cluster(self, submission: ClusterWorkflow, infra: InfraSpec) -> Admitted:
        kind, work = submission.cluster_type, submission.operation
        placed = [
            (f"settings: clusters[{index}]", cluster)
            for index, cluster in enumerate(infra.clusters)
            if cluster.cluster_type == kind
        ]
        if not placed:
            where = f"{infra.name} is of type {kind} in {submission.settings}"
            raise InvalidRequest(f"cluster_type: no cluster of infra {where}")
        config: ClustersConfig | DeleteClustersConfig
        if work == "delete":
            gone = [ClusterToDelete(name=one.name, cluster_type=kind) for _, one in placed]
            config = DeleteClustersConfig(operation=work, infra=infra.name, clusters=gone)
        else:
            if mistakes := [text for place, one in placed for text in self._wrong_cluster(place, one, infra)]:
                raise InvalidRequest(join(mistakes))
            config = ClustersConfig(
                operation=work, infra=infra.name, clusters=[one.config() for _, one in placed]
            )
        operation = ClusterOperation(
            id=f"{work}_{kind}", provider=_only(one.provider for _, one in placed), config=config
        )
        return Admitted(operation, ("cluster", work, kind, *_where(submission)))

    def _wrong_cluster(self, place: str, cluster: InfraCluster, infra: InfraSpec) -> Iterator[str]:
        yield from self._refusals(place, self._clusters.check, cluster, cluster.provider)
        server = InfraServer(
            name=cluster.node(1), provider=cluster.provider, plan=cluster.plan, zone=cluster.zone
        )
        yield from self._wrong(place, server, infra)

    def _refusals(self, place: str, check: Callable[..., object], *arguments: object) -> Iterator[str]:
        try:
            check(*arguments)
        except InvalidRequest as error:
            yield f"{place}: {error.message}"


def _said(operation: TaskservWork, params: Params) -> Params:
    """Of what the settings say, what the operation is told: a restart changes no parameters."""
    if operation != "restart":
        return params
    return {name: value for name, value in params.items() if name == START_TIMEOUT}


def _placed(infra: InfraSpec) -> Iterator[tuple[str, InfraServer]]:
    """The servers, and their places in the settings."""
    return ((f"settings: servers[{index}]", server) for index, server in enumerate(infra.servers))


def _config(server: InfraServer) -> ServerConfig:
    return server.config().model_copy(update={"provider": server.provider})


def _where(submission: WorkflowSubmission) -> tuple[str, ...]:
    return ("--infra", submission.infra, "--settings", submission.settings)


def _only(values: Iterator[str] | list[str]) -> str:
    """The one that there is; nothing where there are several."""
    found = set(values)
    return found.pop() if len(found) == 1 else ""
