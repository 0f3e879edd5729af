"""The things that can be done to the world, one at a time. Each leaves at most a few effects behind.

An action is what an activity is asked to do; `effects.inverse` turns an effect into the action that undoes
it. So what goes forward and what goes back runs through the same activities.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from workflows.domain.identity import effect_id
from workflows.domain.resources import Cluster, Frozen, Params, Server, ServerSpec, Taskserv


class Cause(Frozen):
    """On whose behalf something is done."""

    task_id: str
    batch_id: str | None = None
    operation_id: str | None = None
    undoes: str | None = None
    """Id of the effect that this undoes, where it undoes one."""

    @property
    def origin(self) -> str:
        return self.undoes or self.task_id


class CreateServer(Frozen):
    kind: Literal["create_server"] = "create_server"
    cause: Cause
    spec: ServerSpec

    @property
    def key(self) -> str:
        """Idempotency key: the id of the effect that this will have."""
        return effect_id(self.cause.origin, "server_created", self.spec.key)

    @property
    def summary(self) -> str:
        return f"create server {self.spec.key}"


class DeleteServer(Frozen):
    """Deletes `server`, and with it the task services that stand on it."""

    kind: Literal["delete_server"] = "delete_server"
    cause: Cause
    server: Server
    taskservs: tuple[Taskserv, ...] = ()

    @property
    def key(self) -> str:
        return effect_id(self.cause.origin, "server_deleted", self.server.key)

    @property
    def summary(self) -> str:
        return f"delete server {self.server.key}"


class InstallTaskserv(Frozen):
    """Brings a task service to `params`: installs it, or reconfigures the one that is there."""

    kind: Literal["install_taskserv"] = "install_taskserv"
    cause: Cause
    server: Server
    name: str
    params: Params = {}

    @property
    def key(self) -> str:
        return effect_id(self.cause.origin, "taskserv_installed", f"{self.server.key}/{self.name}")

    @property
    def summary(self) -> str:
        return f"install {self.name} on {self.server.key}"


class ConfigureTaskserv(Frozen):
    """Changes the parameters in `params` of a task service that is installed, and keeps its others."""

    kind: Literal["configure_taskserv"] = "configure_taskserv"
    cause: Cause
    server: Server
    name: str
    params: Params = {}

    @property
    def key(self) -> str:
        return effect_id(self.cause.origin, "taskserv_configured", f"{self.server.key}/{self.name}")

    @property
    def summary(self) -> str:
        return f"configure {self.name} on {self.server.key}"


class RestartTaskserv(Frozen):
    """Ends a task service that is installed, and starts it anew. `params` only say how: `start_timeout`."""

    kind: Literal["restart_taskserv"] = "restart_taskserv"
    cause: Cause
    server: Server
    name: str
    params: Params = {}

    @property
    def key(self) -> str:
        return effect_id(self.cause.origin, "taskserv_restarted", f"{self.server.key}/{self.name}")

    @property
    def summary(self) -> str:
        return f"restart {self.name} on {self.server.key}"


class RemoveTaskserv(Frozen):
    kind: Literal["remove_taskserv"] = "remove_taskserv"
    cause: Cause
    server: Server
    name: str

    @property
    def key(self) -> str:
        return effect_id(self.cause.origin, "taskserv_removed", f"{self.server.key}/{self.name}")

    @property
    def summary(self) -> str:
        return f"remove {self.name} from {self.server.key}"


class RecordCluster(Frozen):
    """Notes what a cluster has become. Its members were changed before, or are after: here nothing moves."""

    kind: Literal["record_cluster"] = "record_cluster"
    cause: Cause
    before: Cluster | None
    after: Cluster | None

    @model_validator(mode="after")
    def _is_about_one_cluster(self) -> Self:
        if len({one.key for one in (self.before, self.after) if one is not None}) != 1:
            raise ValueError("a record is about one cluster")
        return self

    @property
    def cluster(self) -> Cluster:
        """The cluster as it is then, or as it was last."""
        cluster = self.after or self.before
        if cluster is None:
            raise ValueError("a record is about one cluster")
        return cluster

    @property
    def key(self) -> str:
        return effect_id(self.cause.origin, "cluster_recorded", self.cluster.key)

    @property
    def summary(self) -> str:
        return f"record cluster {self.cluster.key}"


Action = Annotated[
    CreateServer
    | DeleteServer
    | InstallTaskserv
    | ConfigureTaskserv
    | RestartTaskserv
    | RemoveTaskserv
    | RecordCluster,
    Field(discriminator="kind"),
]
