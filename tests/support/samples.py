"""Small, complete values of the domain, for tests that store and read them."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from workflows.domain.actions import Cause
from workflows.domain.batches import BatchSpec
from workflows.domain.effects import Effect, EffectKind
from workflows.domain.operations import CreateServersConfig, ServerConfig, ServerOperation
from workflows.domain.resources import Server, ServerSpec, SshEndpoint, Taskserv

NOON = datetime(2026, 1, 2, 12, 0, 0, 123457, tzinfo=UTC)


def server(name: str = "web-01", infra: str = "default", provider: str = "local", owner: str = "") -> Server:
    spec = ServerSpec(infra=infra, name=name, provider=provider, plan="small", zone="here")
    ssh = SshEndpoint(host="127.0.0.1", port=2222, user="root")
    return Server(spec=spec, provider_id=f"box-{name}", owner=owner or f"owner of {name}", ssh=ssh)


def taskserv(name: str, on: Server, **params: str) -> Taskserv:
    return Taskserv(name=name, params=dict(params), server=on, address="127.0.0.1:80", owner="an effect")


def created(made: Server, *, task_id: str = "task", batch_id: str | None = None, id: str = "") -> Effect:
    return Effect(
        id=id or str(uuid4()),
        kind=EffectKind.SERVER_CREATED,
        cause=Cause(task_id=task_id, batch_id=batch_id),
        at=NOON,
        after=made,
    )


def deleted(gone: Server, *, task_id: str = "task", undoes: str | None = None) -> Effect:
    return Effect(
        id=str(uuid4()),
        kind=EffectKind.SERVER_DELETED,
        cause=Cause(task_id=task_id, undoes=undoes),
        at=NOON,
        before=gone,
    )


def installed(what: Taskserv, *, task_id: str = "task") -> Effect:
    return Effect(
        id=str(uuid4()),
        kind=EffectKind.TASKSERV_INSTALLED,
        cause=Cause(task_id=task_id),
        at=NOON,
        after=what,
    )


def restarted(what: Taskserv, *, task_id: str = "task") -> Effect:
    return Effect(
        id=str(uuid4()),
        kind=EffectKind.TASKSERV_RESTARTED,
        cause=Cause(task_id=task_id),
        at=NOON,
        before=what,
        after=what,
    )


def removed(what: Taskserv, *, task_id: str = "task") -> Effect:
    return Effect(
        id=str(uuid4()),
        kind=EffectKind.TASKSERV_REMOVED,
        cause=Cause(task_id=task_id),
        at=NOON,
        before=what,
    )


def batch(operations: int = 3, *, later: float = 0.0, name: str = "a batch") -> BatchSpec:
    """A batch whose operations `op-0`, `op-1` and so on each need the one before."""
    return BatchSpec(
        batch_id=str(uuid4()),
        name=name,
        operations=tuple(
            ServerOperation(
                id=f"op-{number}",
                provider="local",
                dependencies=(f"op-{number - 1}",) if number else (),
                config=CreateServersConfig(
                    server_configs=(ServerConfig(name=f"web-{number}", plan="small", zone="here"),)
                ),
            )
            for number in range(operations)
        ),
        requested_by="somebody",
        created_at=NOON + timedelta(seconds=later),
    )
