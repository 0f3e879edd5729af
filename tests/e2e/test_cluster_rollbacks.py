"""Clusters that go back: to a checkpoint, over growth and an upgrade, and from their deletion."""

from typing import Any

from tests.e2e.test_clusters import clusters, completed, is_gone, stands
from tests.support.clusters import Clusters, settings, write

__all__ = ["clusters"]


async def goes_back(clusters: Clusters, **what: Any) -> dict[str, Any]:
    answer = await clusters.client.post("/rollback/execute", json=what, timeout=600)
    assert answer.status_code == 200, answer.text
    done: dict[str, Any] = answer.json()["data"]
    assert (done["success"], done["operations_failed"]) == (True, 0), done
    return done


async def checkpoint(clusters: Clusters) -> str:
    made = await clusters.client.post("/rollback/checkpoints", json={"name": "before"})
    assert made.status_code == 200, made.text
    return str(made.json()["data"])


async def test_an_etcd_keeps_its_quorum(clusters: Clusters) -> None:
    three, five = settings("etcd", 3), settings("etcd", 5)
    await completed(clusters, "create", "etcd", three)
    await write("etcd", await clusters.members("etcd"))
    before = await checkpoint(clusters)
    await completed(clusters, "scale", "etcd", five)
    await completed(clusters, "upgrade", "etcd", settings("etcd", 5, quota_mb=256))
    await goes_back(clusters, checkpoint_id=before)
    await stands(clusters, "etcd", 3)

    deleted = await completed(clusters, "delete", "etcd", three)
    await goes_back(clusters, operation_ids=[deleted["id"]])
    await write("etcd", await clusters.members("etcd"))
    await stands(clusters, "etcd", 3)
    shrunk = await completed(clusters, "scale", "etcd", settings("etcd", 1))
    await stands(clusters, "etcd", 1)
    await goes_back(clusters, operation_ids=[shrunk["id"]])
    await stands(clusters, "etcd", 3)
    await is_gone(clusters, "etcd", three)
