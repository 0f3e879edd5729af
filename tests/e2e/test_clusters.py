"""Clusters on real local servers: they come, grow, are upgraded, shrink and go, and keep what was written."""

from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from activities.assembly import assemble
from activities.catalogue.cluster_types import ClusterCatalogue
from activities.providers.local.entry import build_local
from activities.providers.registry import build_providers
from activities.remote.door import SshDoor
from tests.e2e.test_api_batches import data
from tests.support.api import Api, api_settings, running_api
from tests.support.clusters import done, etcd, kill_service, members, redis, settings
from tests.support.mongodb import EmbeddedMongo
from tests.support.supervised import supervised
from worker import create_worker


@pytest.fixture(scope="module")
async def api(
    mongodb: EmbeddedMongo, temporal: Client, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Api]:
    folder = tmp_path_factory.mktemp("clusters")
    (folder / "infra").mkdir()
    settings = api_settings(folder / "state", mongodb, temporal).model_copy(
        update={"infra_dir": folder / "infra"}
    )
    door = SshDoor(settings.state_dir)
    try:
        async with running_api(settings, temporal) as api:
            stores, providers = api.services.stores, build_providers(settings)
            contracts = assemble(temporal, stores, providers, ClusterCatalogue.from_settings(settings), door)
            async with supervised(lambda: create_worker(temporal, settings.task_queue, contracts)):
                yield api
    finally:
        await door.close()
        await build_local(settings).remove_all()


async def completed(api: Api, operation: str, kind: str, config: str, **more: Any) -> Any:
    task = await done(api, operation, kind, config, **more)
    assert task["status"] == "Completed", task
    assert task["args"][:3] == ["cluster", operation, kind]
    return task


def names(kind: str, count: int) -> set[str]:
    return {f"{kind}-{number}" for number in range(1, count + 1)}


async def planned(api: Api, operation: str, kind: str, config: str) -> str:
    return str((await completed(api, operation, kind, config, check_mode=True))["output"])


async def role(address: str) -> str:
    answer = await redis(address, "INFO", "replication")
    return next(line.removeprefix("role:") for line in answer.splitlines() if line.startswith("role:"))


async def test_redis_grows_and_shrinks_around_its_primary(api: Api) -> None:
    three, five = (settings("redis", count, maxmemory_mb=16) for count in (3, 5))
    plan = await planned(api, "create", "redis", three)
    assert plan.count("+ server redis/redis-") == plan.count("+ taskserv redis/redis-") == 3
    assert "+ cluster redis/redis  (redis, 3 nodes, maxmemory_mb=16)" in plan
    assert await members(api, "redis") == {}
    await completed(api, "create", "redis", three)
    nodes = await members(api, "redis")
    assert nodes.keys() == names("redis", 3)
    await redis(nodes["redis-1"], "SET", "kept", "value")

    await completed(api, "scale", "redis", five)
    nodes = await members(api, "redis")
    assert nodes.keys() == names("redis", 5)
    assert [await role(nodes[name]) for name in sorted(nodes)] == ["master", *["slave"] * 4]
    assert await answers(nodes.values(), "kept") == ["value"] * 5

    kill_service(api, "redis", "redis-4", "redis")
    plan = await planned(api, "create", "redis", five)
    assert "! taskserv redis/redis-4/redis: does not answer" in plan
    assert "no changes, 1 drifted" in plan

    changed = settings("redis", 5, maxmemory_mb=32)
    upgraded = await completed(api, "upgrade", "redis", changed)
    order = [line.split()[3] for line in upgraded["output"].splitlines() if "reconfigured redis" in line]
    assert order == [f"redis/redis-{number}" for number in (5, 4, 3, 2, 1)]
    assert await answers(nodes.values(), "kept") == ["value"] * 5

    await completed(api, "scale", "redis", three)
    nodes = await members(api, "redis")
    assert nodes.keys() == names("redis", 3)
    assert await answers(nodes.values(), "kept") == ["value"] * 3
    await gone(api, "redis", three)


async def answers(addresses: Iterable[str], key: str) -> list[str]:
    return [(await redis(address, "GET", key)).split("\r\n")[1] for address in addresses]


async def test_etcd_keeps_its_quorum_and_its_data(api: Api) -> None:
    three, five = settings("etcd", 3), settings("etcd", 5)
    await completed(api, "create", "etcd", three)
    nodes = await members(api, "etcd")
    await etcd(nodes["etcd-1"], "kv/put", key="kept", value="value")
    assert await of_one_cluster(nodes, 3)

    await completed(api, "scale", "etcd", five)
    nodes = await members(api, "etcd")
    assert await of_one_cluster(nodes, 5)

    kill_service(api, "etcd", "etcd-2", "etcd")
    assert "! taskserv etcd/etcd-2/etcd: does not answer" in await planned(api, "create", "etcd", five)
    changed = settings("etcd", 5, quota_mb=256)
    await completed(api, "upgrade", "etcd", changed)
    assert await of_one_cluster(nodes, 5)

    await completed(api, "scale", "etcd", three)
    nodes = await members(api, "etcd")
    assert await of_one_cluster(nodes, 3)
    await gone(api, "etcd", three)


async def of_one_cluster(nodes: dict[str, str], count: int) -> bool:
    """Whether each knows all the others, and has what was written."""
    assert len(nodes) == count
    for address in nodes.values():
        found = (await etcd(address, "cluster/member/list"))["members"]
        assert len(found) == count, found
        assert not any(one.get("isLearner") for one in found)
        assert len((await etcd(address, "kv/range", key="kept"))["kvs"]) == 1
    return True


async def backends(address: str) -> set[str]:
    """Who answers, of those behind the balancer."""
    async with httpx.AsyncClient(trust_env=False) as client:
        found = [await client.get(f"http://{address}/") for _ in range(12)]
    assert {one.text for one in found} == {"hello"}
    return {one.headers["X-Backend"] for one in found}


async def test_a_web_s_balancer_follows_its_backends(api: Api) -> None:
    three, five = (settings("web", count, version="2.11.4", greeting="hello") for count in (3, 5))
    await completed(api, "create", "web", three)
    nodes = await members(api, "web")
    assert await backends(nodes.pop("web-1")) == set(nodes.values())

    await completed(api, "scale", "web", five)
    nodes = await members(api, "web")
    balancer = nodes.pop("web-1")
    assert len(nodes) == 4
    assert await backends(balancer) == set(nodes.values())

    newer = settings("web", 5, version="2.11.7", greeting="hello")
    await completed(api, "upgrade", "web", newer)
    assert await backends(balancer) == set(nodes.values())
    shrunk = await completed(api, "scale", "web", settings("web", 3, version="2.11.7", greeting="hello"))
    nodes = await members(api, "web")
    assert await backends(nodes.pop("web-1")) == set(nodes.values())

    undone = await api.client.post("/rollback/execute", json={"operation_ids": [shrunk["id"]]}, timeout=300)
    assert undone.json()["data"]["success"], undone.text
    nodes = await members(api, "web")
    assert len(nodes) == 5
    assert await backends(nodes.pop("web-1")) == set(nodes.values())
    await gone(api, "web", three)


async def gone(api: Api, kind: str, config: str) -> None:
    await completed(api, "delete", kind, config)
    assert await members(api, kind) == {}
    assert await data(api, "/locks") == []
    again = await done(api, "delete", kind, config)
    assert (again["status"], again["error"]) == ("Failed", f"infra {kind} has no cluster {kind}")
