"""Batches of cluster operations whose histories are kept."""

from tests.replay.scenarios import Scenario
from tests.support.batches import batch, cluster_operation
from tests.support.engine import Engine, Handle
from workflows.domain.operations import ClusterOperation, ClusterToDelete, DeleteClustersConfig
from workflows.domain.states import BatchStatus


def cluster_scenarios() -> list[Scenario]:
    return [_life(), _failed_upgrade()]


def _life() -> Scenario:
    """Its members come and go one by one, and at last it is gone."""
    infra, kind = "cluster-life", "etcd"
    away = DeleteClustersConfig(infra=infra, operation="delete", clusters=[ClusterToDelete(name=kind)])
    wanted = batch(
        cluster_operation("make", kind=kind, nodes=3, infra=infra),
        cluster_operation("grow", ["make"], kind=kind, nodes=5, operation="scale", infra=infra),
        cluster_operation(
            "change", ["grow"], kind=kind, nodes=5, operation="upgrade", infra=infra, quota_mb=256
        ),
        cluster_operation("shrink", ["change"], kind=kind, nodes=3, operation="scale", infra=infra),
        ClusterOperation(id="delete", provider="memory", dependencies=("shrink",), config=away),
    )
    children = ("make", "grow", "change", "shrink", "delete")
    return Scenario("cluster_life", wanted, BatchStatus.COMPLETED, children)


def _failed_upgrade() -> Scenario:
    """It grows, then a node does not come up otherwise, so that all is taken back to what was there."""
    infra, kind = "cluster-failure", "redis"
    wanted = batch(
        cluster_operation("grow", kind=kind, nodes=4, operation="scale", infra=infra),
        cluster_operation(
            "change", ["grow"], kind=kind, nodes=4, operation="upgrade", infra=infra, maxmemory_mb=32
        ),
    )

    async def made(engine: Engine) -> None:
        await engine.run(batch(cluster_operation("make", kind=kind, nodes=3, infra=infra)))
        engine.taskservs.spoiled["maxmemory_mb"] = 32

    async def mended(engine: Engine, handle: Handle) -> None:
        await handle.result()
        engine.taskservs.spoiled.clear()

    return Scenario(
        "cluster_failure", wanted, BatchStatus.FAILED, ("grow", "change"), meddle=mended, before=made
    )
