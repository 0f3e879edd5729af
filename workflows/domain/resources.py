"""What exists: servers, task services on them, and clusters of them. `Spec` is what is wanted."""

from collections.abc import Iterable
from graphlib import TopologicalSorter
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Params = dict[str, JsonValue]

CLUSTER_LABEL = "cluster"
"""On each member's server: the name of its cluster."""


class Frozen(BaseModel):
    """A value: compared by content, never changed."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ServerSpec(Frozen):
    """A server as it is wanted."""

    infra: str
    name: str
    provider: str
    plan: str
    zone: str
    labels: dict[str, str] = {}
    image: str | None = None
    """The provider's name for the system that it starts with; None for the provider's default."""
    ssh_user: str | None = None
    """Who logs in; None for whom the image lets in."""

    @property
    def key(self) -> str:
        """The server's name in the whole system: unique per infra."""
        return f"{self.infra}/{self.name}"


class SshEndpoint(Frozen):
    """How a server is reached. `host_key` is its public key line, checked at every connection."""

    host: str
    port: int
    user: str
    host_key: str | None = None


class Server(Frozen):
    """A server that exists."""

    type: Literal["server"] = "server"
    spec: ServerSpec
    provider_id: str
    """The provider's own name for it."""
    owner: str
    """Id of the effect that made it: who may find it again, and who may undo it."""
    ssh: SshEndpoint

    @property
    def key(self) -> str:
        return self.spec.key


class Taskserv(Frozen):
    """A task service that is installed on a server and answered its health check."""

    type: Literal["taskserv"] = "taskserv"
    name: str
    params: Params = {}
    server: Server
    address: str
    """Where it answers, as `host:port`."""
    owner: str
    """Id of the effect that installed it."""
    requires: tuple[str, ...] = ()
    """The task services on the same server that it cannot do without."""

    @property
    def key(self) -> str:
        return f"{self.server.key}/{self.name}"


def dependents_first(taskservs: Iterable[Taskserv]) -> list[Taskserv]:
    """What stands on one server, in an order in which it can be removed."""
    there = {taskserv.name: taskserv for taskserv in taskservs}
    needs = {
        name: [n for n in one.requires if n in there] for name, one in sorted(there.items(), reverse=True)
    }
    return [there[name] for name in reversed([*TopologicalSorter(needs).static_order()])]


def number_of(server: str) -> int:
    """The number at the end of a server's name; 0 where there is none."""
    number = server.rpartition("-")[2]
    return int(number) if number.isdigit() else 0


def cluster_of(spec: ServerSpec) -> str | None:
    """The cluster that the server is a member of, by its label and its name: the label alone is anybody's."""
    cluster = spec.labels.get(CLUSTER_LABEL)
    return cluster if spec.name == f"{cluster}-{number_of(spec.name)}" else None


class Cluster(Frozen):
    """Servers that were made into one thing. What stands on each of them is told by the task services."""

    type: Literal["cluster"] = "cluster"
    name: str
    cluster_type: str
    version: str | None = None
    params: Params = {}
    members: tuple[str, ...]
    """The names of its servers, the first one first."""
    server: Server
    """The first member: with it the cluster begins, and with it it ends."""

    @property
    def key(self) -> str:
        return f"{self.server.spec.infra}/{self.name}"


Resource = Annotated[Server | Taskserv | Cluster, Field(discriminator="type")]
