"""Infras: what an infra's settings file describes, once it has been evaluated.

Everything that a request could get wrong is refused here too, whoever evaluated the settings; the places in
the messages read as in the file: `servers[2].plan`.
"""

from collections.abc import Iterator
from typing import Self

from pydantic import Field, field_validator, model_validator

from workflows.domain.operations import (
    MAX_NAME,
    MAX_NODES,
    ClusterConfig,
    ResourceName,
    ServerConfig,
    TaskservEntry,
)
from workflows.domain.resources import Frozen, ServerSpec

MAX_SERVERS = 10_000
"""Servers of one infra, counts expanded and clusters' nodes among them."""


class InfraServer(ServerConfig):
    """One server, or `count` of them, and the task services on each."""

    provider: ResourceName
    taskservs: tuple[TaskservEntry, ...] = Field(default=(), max_length=100)
    """In the order in which they are to be created."""

    @field_validator("taskservs")
    @classmethod
    def _each_once(cls, taskservs: tuple[TaskservEntry, ...]) -> tuple[TaskservEntry, ...]:
        names = [item.name for item in taskservs]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{name} stands here twice")
        return taskservs

    def config(self) -> ServerConfig:
        """The servers alone, as an operation of the server's provider wants them."""
        return ServerConfig.model_validate(self.model_dump(include=set(ServerConfig.model_fields)))


class InfraCluster(ClusterConfig):
    """A cluster, with where its servers are made."""

    provider: ResourceName

    def names(self) -> list[str]:
        """The names that it may give to servers: it can be scaled up, so not only those of its nodes."""
        return [self.node(number) for number in range(1, MAX_NODES + 1)]

    def config(self) -> ClusterConfig:
        return ClusterConfig.model_validate(self.model_dump())


class InfraSpec(Frozen, extra="forbid"):
    """All that belongs in an infra."""

    name: ResourceName
    servers: tuple[InfraServer, ...] = Field(default=(), max_length=1000)
    clusters: tuple[InfraCluster, ...] = Field(default=(), max_length=100)

    @model_validator(mode="after")
    def _names_fit_together(self) -> Self:
        wanted = sum(server.count or 1 for server in self.servers) + sum(c.nodes for c in self.clusters)
        if wanted > MAX_SERVERS:
            raise ValueError(f"servers: {wanted} are more than the {MAX_SERVERS} that an infra may have")
        taken: dict[str, str] = {}
        for place, name in self._names():
            if len(name) > MAX_NAME:
                raise ValueError(f"{place}.name: {name} is longer than {MAX_NAME} characters")
            if name in taken:
                raise ValueError(f"{place}.name: {name} is taken by {taken[name]}")
            taken[name] = place
        return self

    def _names(self) -> Iterator[tuple[str, str]]:
        """Each name that is taken, and the place that takes it."""
        for index, server in enumerate(self.servers):
            yield from ((f"servers[{index}]", name) for name in server.names())
        for index, cluster in enumerate(self.clusters):
            yield from ((f"clusters[{index}]", name) for name in (cluster.name, *cluster.names()))

    def server_specs(self) -> list[ServerSpec]:
        """Every server by itself, without the clusters' nodes, in the order of the settings."""
        return [spec for server in self.servers for spec in server.specs(self.name, server.provider)]
