"""What exists: servers, and task services on them. `Spec` is what is wanted."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Params = dict[str, JsonValue]


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

    @property
    def key(self) -> str:
        return f"{self.server.key}/{self.name}"


Resource = Annotated[Server | Taskserv, Field(discriminator="type")]
