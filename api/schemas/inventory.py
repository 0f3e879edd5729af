"""What exists, and the ledger of what was done: our addition to the contract."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, Field, JsonValue

from activities.ledger_ports import Difference, DifferenceKind, InventoryItem, Rebuild
from api.schemas.envelope import absent
from workflows.domain.effects import EffectKind
from workflows.domain.inventory import LedgerEntry
from workflows.domain.resources import Cluster, Taskserv

MAX_LISTED = 1000
"""Differences and unreadable entries that an answer names; it counts all of them."""

Address = tuple[str, int]
Answering = Mapping[Address, bool]
"""Which addresses accept a connection; one that is missing was not asked."""


class SshAddress(BaseModel):
    host: str
    port: int
    user: str


class ServerStatus(StrEnum):
    RUNNING = "Running"
    UNREACHABLE = "Unreachable"
    UNKNOWN = "Unknown"
    """There were too many to ask in time."""


class Health(StrEnum):
    HEALTHY = "Healthy"
    UNREACHABLE = "Unreachable"
    UNKNOWN = "Unknown"


class TaskService(BaseModel):
    """A task service, and whether its address accepts connections right now."""

    name: str
    params: dict[str, JsonValue]
    address: str
    health: Health

    @classmethod
    def of(cls, taskserv: Taskserv, answering: Answering) -> "TaskService":
        health = {True: Health.HEALTHY, False: Health.UNREACHABLE, None: Health.UNKNOWN}
        return cls(
            name=taskserv.name,
            params=taskserv.params,
            address=taskserv.address,
            health=health[answering.get(address_of(taskserv))],
        )


class InventoryServer(BaseModel):
    """A server, whether its SSH port accepts connections right now, and the task that made it."""

    name: str
    infra: str
    provider: str
    plan: str
    zone: str
    labels: dict[str, str]
    ssh: SshAddress
    status: ServerStatus
    task_services: tuple[TaskService, ...]
    task_id: str

    @classmethod
    def of(cls, item: InventoryItem, answering: Answering) -> "InventoryServer":
        spec, ssh = item.server.spec, item.server.ssh
        status = {True: ServerStatus.RUNNING, False: ServerStatus.UNREACHABLE, None: ServerStatus.UNKNOWN}
        return cls(
            name=spec.name,
            infra=spec.infra,
            provider=spec.provider,
            plan=spec.plan,
            zone=spec.zone,
            labels=spec.labels,
            ssh=SshAddress(host=ssh.host, port=ssh.port, user=ssh.user),
            status=status[answering.get((ssh.host, ssh.port))],
            task_services=tuple(TaskService.of(taskserv, answering) for taskserv in item.taskservs),
            task_id=item.task_id,
        )


class InventoryCluster(BaseModel):
    """A cluster, and the names of the servers that are its members, the first one first."""

    name: str
    infra: str
    cluster_type: str
    version: str | None = Field(default=None, exclude_if=absent)
    params: dict[str, JsonValue]
    members: tuple[str, ...]

    @classmethod
    def of(cls, cluster: Cluster) -> "InventoryCluster":
        return cls(
            name=cluster.name,
            infra=cluster.server.spec.infra,
            cluster_type=cluster.cluster_type,
            version=cluster.version,
            params=cluster.params,
            members=cluster.members,
        )


def addresses(items: Iterable[InventoryItem]) -> Iterator[Address]:
    """Everything of the inventory that should answer."""
    for item in items:
        yield item.server.ssh.host, item.server.ssh.port
        yield from (address_of(taskserv) for taskserv in item.taskservs)


def address_of(taskserv: Taskserv) -> Address:
    host, _, port = taskserv.address.rpartition(":")
    return host.strip("[]"), int(port)


class LedgerEffect(BaseModel):
    """One change of the world. `undoes` and `undone_by` are the ids of other effects."""

    position: int
    id: str
    kind: EffectKind
    at: datetime
    resource: str
    infra: str
    server: str
    task_service: str | None = Field(default=None, exclude_if=absent)
    task_id: str
    batch_id: str | None = Field(default=None, exclude_if=absent)
    operation_id: str | None = Field(default=None, exclude_if=absent)
    undoes: str | None = Field(default=None, exclude_if=absent)
    undone_by: str | None = Field(default=None, exclude_if=absent)

    @classmethod
    def of(cls, entry: LedgerEntry) -> "LedgerEffect":
        effect = entry.effect
        return cls(
            position=entry.position,
            id=effect.id,
            kind=effect.kind,
            at=effect.at,
            resource=effect.key,
            infra=effect.server.spec.infra,
            server=effect.server.spec.name,
            task_service=effect.resource.name if isinstance(effect.resource, Taskserv) else None,
            task_id=effect.cause.task_id,
            batch_id=effect.cause.batch_id,
            operation_id=effect.cause.operation_id,
            undoes=effect.cause.undoes,
            undone_by=entry.undone_by,
        )


class InventoryDifference(BaseModel):
    """A resource of which something else is kept than the ledger says; `fields` names what of it."""

    resource: str
    kind: DifferenceKind
    fields: tuple[str, ...] | None = Field(default=None, exclude_if=absent)
    mended: bool

    @classmethod
    def of(cls, difference: Difference) -> "InventoryDifference":
        return cls(
            resource=difference.key,
            kind=difference.kind,
            fields=difference.fields or None,
            mended=difference.mended,
        )


class InventoryRebuild(BaseModel):
    """What came of holding the inventory against the whole ledger."""

    position: int
    resources: int
    found: int
    mended: int
    differences: tuple[InventoryDifference, ...]
    unreadable: tuple[int, ...]

    @classmethod
    def of(cls, rebuild: Rebuild) -> "InventoryRebuild":
        differences = rebuild.differences
        return cls(
            position=rebuild.position,
            resources=rebuild.resources,
            found=len(differences),
            mended=sum(difference.mended for difference in differences),
            differences=tuple(InventoryDifference.of(one) for one in differences[:MAX_LISTED]),
            unreadable=rebuild.unreadable[:MAX_LISTED],
        )
