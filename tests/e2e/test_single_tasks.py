"""Single submissions: what an infra's settings describe is made, by one task each, on real local servers."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client

from activities.assembly import assemble
from activities.catalogue.cluster_types import ClusterCatalogue
from activities.providers.local.entry import build_local
from activities.providers.registry import build_providers
from activities.remote.door import SshDoor
from tests.e2e.test_api_batches import data, until
from tests.support.api import Api, api_settings, running_api
from tests.support.mongodb import EmbeddedMongo
from tests.support.stack import ROOT, eventually
from tests.support.supervised import supervised
from worker import create_worker

SERVERS, TASKSERV, CLUSTER = (f"/workflows/{name}/create" for name in ("servers", "taskserv", "cluster"))

CONFIG = """
import provisioning

infra = provisioning.Infra {
    servers = [
        provisioning.Server {
            name = "web", count = 2, provider = "local", plan = "1xCPU-1GB", zone = "local"
            taskservs = [provisioning.Taskserv {name = "beacon", params = {message = "from the web"}}]
        }
        provisioning.Server {
            name = "data", provider = "local", plan = "2xCPU-2GB", zone = "local-a", taskservs = ["beacon"]
        }
    ]
}
"""
OTHER = CONFIG.replace('plan = "2xCPU-2GB"', 'plan = "huge"')
CHANGED = CONFIG.replace('{message = "from the web"}', '{message = "changed", start_timeout = 60}')
UNKNOWN = CONFIG.replace("{message =", "{colour =")


@pytest.fixture(scope="module")
async def api(
    mongodb: EmbeddedMongo, temporal: Client, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Api]:
    folder = tmp_path_factory.mktemp("single")
    shop = folder / "infra" / "shop"
    shop.mkdir(parents=True)
    (shop / "config.k").write_text(CONFIG)
    (shop / "other.k").write_text(OTHER)
    (shop / "changed.k").write_text(CHANGED)
    (shop / "unknown.k").write_text(UNKNOWN)
    catalogues = str(ROOT / "tests" / "catalogue")
    settings = api_settings(folder / "state", mongodb, temporal).model_copy(
        update={"infra_dir": shop.parent, "catalogue_dirs": catalogues}
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


async def submit(api: Api, path: str, **body: Any) -> str:
    answer = await api.client.post(path, json={"infra": "shop"} | body, timeout=120)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"])


async def ended(api: Api, path: str, **body: Any) -> Any:
    """The task of a submission that waits for it."""
    task = await data(api, f"/tasks/{await submit(api, path, wait=True, **body)}")
    assert task["status"] in ("Completed", "Failed", "Cancelled"), task
    return task


async def beacons(api: Api) -> dict[str, str]:
    """What the beacon of each server says."""
    found = {}
    for one in await data(api, "/inventory/servers", infra="shop"):
        for service in one["task_services"]:
            host, _, port = service["address"].rpartition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            found[one["name"]] = (await reader.read()).decode().rpartition("\r\n\r\n")[2]
            writer.close()
            await writer.wait_closed()
    return found


async def test_the_servers_of_an_infra_and_their_task_services_come_and_go(api: Api) -> None:
    made = await ended(api, SERVERS)
    assert made["status"] == "Completed", made
    assert (made["name"], made["command"]) == ("create_servers", "provisioning")
    assert made["args"] == ["servers", "create", "--infra", "shop", "--settings", "config.k"]
    assert made["output"].count("created server shop/") == 3
    plans = {one["name"]: one["plan"] for one in await data(api, "/inventory/servers", infra="shop")}
    assert plans == {"web-1": "1xCPU-1GB", "web-2": "1xCPU-1GB", "data": "2xCPU-2GB"}
    assert len(await data(api, "/inventory/effects", task_id=made["id"])) == 3

    again = await ended(api, SERVERS)
    assert again["output"].count("exists already, unchanged") == 3
    assert await data(api, "/inventory/effects", task_id=again["id"]) == []

    installed = await ended(api, TASKSERV, operation="create", taskserv="beacon")
    assert installed["status"] == "Completed", installed
    assert installed["args"][:3] == ["taskserv", "create", "beacon"]
    web = "from the web"
    assert await beacons(api) == {"web-1": web, "web-2": web, "data": "here"}

    removed = await ended(api, TASKSERV, operation="delete", taskserv="beacon")
    assert removed["output"].count("removed beacon") == 3
    assert await beacons(api) == {}

    # It is a task like others: listed, followed, and undone.
    progress = await data(api, f"/state/workflows/{made['id']}/progress")
    assert (progress["progress"], progress["current_step"]) == (100.0, "Completed")
    states = [one["state"] for one in await data(api, f"/state/workflows/{made['id']}/snapshots")]
    assert (states[0], states[-1]) == ("Running", "Completed")
    undone = await api.client.post("/rollback/execute", json={"operation_ids": [removed["id"]]}, timeout=120)
    assert undone.json()["data"]["operations_executed"] == 3
    assert len(await beacons(api)) == 3
    assert await data(api, "/locks") == []


async def test_a_plan_that_does_not_exist_is_refused_with_its_place(api: Api) -> None:
    servers = await data(api, "/inventory/servers", infra="shop")
    broken = await api.client.post(SERVERS, json={"infra": "shop", "settings": "other.k"})
    assert broken.status_code == 422
    assert broken.json()["error"].startswith("settings: servers[1]: server shop/data: the local provider has")
    assert await data(api, "/inventory/servers", infra="shop") == servers


async def test_a_client_that_goes_away_loses_nothing(api: Api) -> None:
    body = {"infra": "shop", "operation": "create", "taskserv": "beacon", "wait": True}
    key = {"Idempotency-Key": str(uuid4())}
    before = {task["id"] for task in await data(api, "/tasks", limit=1000)}
    leaving = asyncio.create_task(api.client.post(TASKSERV, json=body, headers=key))
    found = await until(
        lambda: data(api, "/tasks", limit=1000),
        lambda tasks: bool({task["id"] for task in tasks} - before),
    )
    leaving.cancel()
    (task_id,) = {task["id"] for task in found} - before

    async def has_ended() -> bool:
        return bool((await data(api, f"/tasks/{task_id}"))["status"] == "Completed")

    await eventually(has_ended)
    # Sent again with the same key it is the same task, which has ended.
    again = await api.client.post(TASKSERV, json=body, headers=key)
    assert again.json()["data"] == task_id


async def test_tasks_for_the_same_servers_wait_for_each_other(api: Api) -> None:
    wanted = {"operation": "create", "taskserv": "beacon"}
    first, second = await asyncio.gather(*(ended(api, TASKSERV, **wanted) for _ in range(2)))
    assert {first["status"], second["status"]} == {"Completed"}
    early, late = sorted([first, second], key=lambda task: str(task["started_at"]))
    assert early["completed_at"] <= late["started_at"]


async def standing(api: Api) -> dict[str, str]:
    """What the beacons say once all of them stand as the settings say."""
    await ended(api, SERVERS)
    await ended(api, TASKSERV, operation="create", taskserv="beacon")
    return await beacons(api)


async def kinds(api: Api, task_id: str) -> list[str]:
    return [effect["kind"] for effect in await data(api, "/inventory/effects", task_id=task_id)]


async def test_a_task_service_is_configured_started_anew_and_set_back(api: Api) -> None:
    before = await standing(api)
    body = {"taskserv": "beacon", "settings": "changed.k"}
    configured = await ended(api, TASKSERV, operation="configure", **body)
    assert configured["status"] == "Completed", configured
    wanted = ["taskserv", "configure", "beacon", "--infra", "shop", "--settings", "changed.k"]
    assert (configured["name"], configured["args"]) == ("configure_beacon", wanted)
    assert await kinds(api, configured["id"]) == ["taskserv_configured"] * 2
    changed = {"web-1": "changed", "web-2": "changed", "data": "here"}
    assert await beacons(api) == changed

    # Of the parameters in the settings a restart is told no more than how long it may take.
    restarted = await ended(api, TASKSERV, operation="restart", taskserv="beacon")
    assert restarted["output"].count("restarted beacon") == 3
    assert restarted["name"] == "restart_beacon"
    assert await kinds(api, restarted["id"]) == ["taskserv_restarted"] * 3
    assert await beacons(api) == changed

    undone = {}
    for task in (restarted, configured):
        answer = await api.client.post("/rollback/execute", json={"operation_ids": [task["id"]]}, timeout=120)
        undone[task["name"]] = answer.json()["data"]["operations_executed"]
    assert undone == {"restart_beacon": 0, "configure_beacon": 2}
    assert await beacons(api) == before


async def test_a_batch_that_fails_sets_its_configuration_back(api: Api) -> None:
    before = await standing(api)
    both = {"infra": "shop", "servers": ["web-1", "data"], "taskservs": ["beacon"]}
    own = {"web-1": {"beacon": {"message": "one"}}, "data": {"beacon": {"message": "two"}}}
    operations = [
        ("change", [], both | {"operation": "configure", "server_params": own}),
        ("again", ["change"], both | {"operation": "restart"}),
        ("never", ["again"], both | {"operation": "restart", "taskservs": ["flaky"]}),
    ]
    body = {
        "name": "maintenance",
        "operations": [
            {"id": id, "type": "taskserv_batch", "provider": "local", "dependencies": needs, "config": config}
            for id, needs, config in operations
        ],
    }
    answer = await api.client.post("/batch/execute", json=body)
    assert answer.status_code == 200, answer.text
    batch_id = answer.json()["data"]["batch_id"]
    batch = await until(
        lambda: data(api, f"/batch/operations/{batch_id}"),
        lambda batch: batch["status"] in ("Completed", "Failed", "Cancelled"),
    )
    assert batch["status"] == "Failed"
    done = await data(api, "/inventory/effects", batch_id=batch_id)
    assert sorted(effect["kind"] for effect in done) == [
        *["taskserv_configured"] * 4,
        *["taskserv_restarted"] * 2,
    ]
    assert await beacons(api) == before


async def test_what_is_not_installed_is_neither_configured_nor_restarted(api: Api) -> None:
    await standing(api)
    await ended(api, TASKSERV, operation="delete", taskserv="beacon")
    for operation in ("configure", "restart"):
        task = await ended(api, TASKSERV, operation=operation, taskserv="beacon")
        assert task["status"] == "Failed"
        assert task["error"].startswith(f"could not {operation} beacon on shop/")
        assert task["error"].endswith(": it is not installed there")
        assert await kinds(api, task["id"]) == []


async def test_what_the_settings_do_not_describe_is_refused(api: Api) -> None:
    for path, body, message in (
        (TASKSERV, {"operation": "create", "taskserv": "echo"}, "taskserv: no server of infra shop has echo"),
        (
            TASKSERV,
            {"operation": "restart", "taskserv": "echo"},
            "taskserv: no server of infra shop has echo",
        ),
        (
            TASKSERV,
            {"operation": "configure", "taskserv": "beacon", "settings": "unknown.k"},
            "settings: servers[0].taskservs: task service beacon: unknown parameter 'colour'",
        ),
        (
            TASKSERV,
            {"operation": "configure", "taskserv": "nothing"},
            "taskserv: unknown task service 'nothing'",
        ),
        (
            CLUSTER,
            {"operation": "create", "cluster_type": "etcd"},
            "cluster_type: no cluster of infra shop is of type etcd in config.k",
        ),
    ):
        answer = await api.client.post(path, json={"infra": "shop"} | body)
        assert answer.status_code == 422
        assert answer.json()["error"].startswith(message)
