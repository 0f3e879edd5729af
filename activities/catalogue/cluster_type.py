"""What a cluster type is: its roles, and what stands on the nodes of each, as it says in its file."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from activities.catalogue.service import ParameterName, Scalar, ServiceName
from workflows.domain.errors import InvalidRequest
from workflows.domain.resources import Params

TypeName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,40}$")]
RoleName = TypeName

VERSION = "version"
"""What a cluster's own field of that name is called among its parameters."""


class _Described(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Members(_Described):
    """In place of a parameter's value: the names of the other servers of a role, with commas between them."""

    servers: RoleName
    when: Literal["always", "joining"] = "always"
    """`always` follows the cluster's size; `joining` are those that there were when this one came."""


class MemberService(_Described):
    """A task service on each node of a role."""

    name: ServiceName
    params: dict[ParameterName, Members | Scalar] = {}
    """What the type itself lays down."""
    takes: dict[ParameterName, ParameterName] = {}
    """By parameter of the service, the parameter of the cluster that it gets where that is given."""

    def refers(self) -> dict[str, Members]:
        return {name: value for name, value in self.params.items() if isinstance(value, Members)}

    def own(self, cluster: Params) -> Params:
        """What a member gets that does not depend on the others."""
        fixed: Params = {name: v for name, v in self.params.items() if not isinstance(v, Members)}
        return fixed | {mine: cluster[theirs] for mine, theirs in self.takes.items() if theirs in cluster}


class Role(_Described):
    """What some of the nodes are."""

    name: RoleName
    count: int | None = Field(default=None, ge=1)
    """How many nodes have it; None, in one role, for all that are left."""
    one_by_one: bool = False
    """Whether its nodes come and go after each other, each when the one before is healthy."""
    services: tuple[MemberService, ...] = Field(min_length=1)


class Nodes(_Described):
    minimum: int = Field(default=1, ge=1)
    maximum: int = Field(ge=1)
    odd: bool = False


class ClusterType(_Described):
    """A kind of cluster. Nodes come role by role in this order, and go the other way round."""

    name: TypeName
    description: str
    nodes: Nodes
    not_at: tuple[str, ...] = ()
    """Providers whose servers cannot be its nodes."""
    fixed: tuple[ParameterName, ...] = ()
    """Parameters of the cluster that cannot change node by node, and so not at all."""
    roles: tuple[Role, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _roles_fit(self) -> Self:
        names = [role.name for role in self.roles]
        if len(set(names)) < len(names):
            raise ValueError("a role stands here twice")
        if sum(role.count is None for role in self.roles) != 1:
            raise ValueError("one role has all the nodes that are left, and no count")
        if self.nodes.minimum < sum(role.count or 0 for role in self.roles):
            raise ValueError("its roles need more nodes than nodes.minimum")
        if unknown := sorted({*self.fixed} - self.parameters()):
            raise ValueError(f"fixed: nothing takes {', '.join(unknown)}")
        for role in self.roles:
            for service in role.services:
                for name, members in service.refers().items():
                    if members.servers not in names:
                        raise ValueError(f"{role.name}.{service.name}.{name}: no role {members.servers}")
        return self

    def role_of(self, number: int) -> Role:
        """What the node of that number is. The first nodes have the roles with a count."""
        for role in self.roles:
            if role.count is not None:
                if number <= role.count:
                    return role
                number -= role.count
        return next(role for role in self.roles if role.count is None)

    def parameters(self) -> set[str]:
        """What a cluster of it can be given, without its version."""
        return {theirs for service in self.services() for theirs in service.takes.values()} - {VERSION}

    def services(self) -> Iterator[MemberService]:
        return (service for role in self.roles for service in role.services)

    def check(self, nodes: int, provider: str, params: Params, version: str | None) -> None:
        """Raises InvalidRequest for what no cluster of it can be."""
        allowed = self.nodes
        problems = [
            f"unknown parameter {name!r}; it has {', '.join(sorted(self.parameters()))}"
            for name in params
            if name not in self.parameters()
        ]
        if not allowed.minimum <= nodes <= allowed.maximum:
            problems.append(f"nodes: {allowed.minimum} to {allowed.maximum}, not {nodes}")
        elif allowed.odd and nodes % 2 == 0:
            problems.append(
                f"nodes: an odd number, not {nodes}, which bears no more failures than {nodes - 1}"
            )
        if provider in self.not_at:
            problems.append(f"provider: {provider} has no servers that can be its nodes")
        if version is not None and not any(VERSION in one.takes.values() for one in self.services()):
            problems.append("version: its task services have none to choose")
        if problems:
            raise InvalidRequest(f"cluster type {self.name}: {'; '.join(problems)}")


def settings_of(params: Params, version: str | None) -> Params:
    """A cluster's parameters, with its version among them."""
    return params if version is None else {**params, VERSION: version}


def joined(names: Sequence[str]) -> str:
    return ",".join(names)


ClusterTypes = Mapping[str, ClusterType]
