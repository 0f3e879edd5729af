"""Short ways to say what a batch should hold."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal
from uuid import uuid4

from hypothesis import strategies as st

from workflows.domain.batches import BatchSpec
from workflows.domain.operations import (
    ClusterConfig,
    ClusterOperation,
    ClustersConfig,
    CreateServersConfig,
    OperationSpec,
    ServerConfig,
    ServerOperation,
    TaskservItem,
    TaskservOperation,
    TaskservsConfig,
    TaskservWork,
)
from workflows.domain.resources import Params, Server, ServerSpec, SshEndpoint
from workflows.domain.states import FailureAction


def server_operation(
    name: str,
    needs: Sequence[str] = (),
    *,
    provider: str = "memory",
    on_failure: FailureAction | None = None,
    infra: str = "default",
    servers: Sequence[str] | None = None,
    **labels: str,
) -> ServerOperation:
    """Creates the servers named, or else one that bears the operation's name."""
    return ServerOperation(
        id=name,
        provider=provider,
        dependencies=tuple(needs),
        config=CreateServersConfig(
            infra=infra,
            on_failure=on_failure,
            server_configs=[
                ServerConfig(name=server, plan="1xCPU-1GB", zone="local", labels=labels)
                for server in servers or [name]
            ],
        ),
    )


def taskserv_operation(
    name: str,
    needs: Sequence[str] = (),
    *,
    taskserv: str = "beacon",
    provider: str = "memory",
    servers: Sequence[str] | None = None,
    infra: str = "default",
    operation: TaskservWork = "create",
    **params: object,
) -> TaskservOperation:
    checked: Params = params  # type: ignore[assignment]  # keyword arguments are JSON in these tests
    return TaskservOperation(
        id=name,
        provider=provider,
        dependencies=tuple(needs),
        config=TaskservsConfig(
            operation=operation,
            infra=infra,
            taskservs=[TaskservItem(name=taskserv, params=checked)],
            servers=list(servers) if servers else None,
        ),
    )


def cluster_operation(
    name: str,
    needs: Sequence[str] = (),
    *,
    kind: str,
    nodes: int,
    operation: Literal["create", "scale", "upgrade"] = "create",
    infra: str = "default",
    **params: object,
) -> ClusterOperation:
    """For one cluster, which is named as its type is."""
    checked: Params = params  # type: ignore[assignment]  # keyword arguments are JSON in these tests
    cluster = ClusterConfig(
        name=kind, cluster_type=kind, plan="1xCPU-1GB", zone="local", nodes=nodes, params=checked
    )
    return ClusterOperation(
        id=name,
        provider="memory",
        dependencies=tuple(needs),
        config=ClustersConfig(operation=operation, infra=infra, clusters=[cluster]),
    )


def batch(*operations: OperationSpec, parallel_limit: int = 5, rollback_enabled: bool = True) -> BatchSpec:
    return BatchSpec(
        batch_id=str(uuid4()),
        name="a batch",
        parallel_limit=parallel_limit,
        rollback_enabled=rollback_enabled,
        operations=operations,
        requested_by="tester",
        created_at=datetime.now(UTC),
    )


def server(name: str, provider: str = "memory", infra: str = "default") -> Server:
    return Server(
        spec=ServerSpec(infra=infra, name=name, provider=provider, plan="1xCPU-1GB", zone="local"),
        provider_id=name,
        owner=f"effect-of-{name}",
        ssh=SshEndpoint(host="127.0.0.1", port=22, user="root"),
    )


@st.composite
def graphs(draw: st.DrawFn, max_size: int = 10) -> dict[str, list[str]]:
    """A random DAG: each item may need any of those before it."""
    names = [f"op{number}" for number in range(draw(st.integers(1, max_size)))]
    return {
        name: draw(st.lists(st.sampled_from(names[:place]), unique=True, max_size=3)) if place else []
        for place, name in enumerate(names)
    }
