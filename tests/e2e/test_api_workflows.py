"""Single submissions: what is wrong with them or their settings is told, and starts nothing."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client

from tests.e2e.test_api_batches import data, execute, operation
from tests.support.api import Api, api_settings, running_api
from tests.support.hostile_settings import SERVER
from tests.support.mongodb import EmbeddedMongo

SERVERS, TASKSERV, CLUSTER = (f"/workflows/{name}/create" for name in ("servers", "taskserv", "cluster"))
MANY = """import provisioning

infra = provisioning.Infra {
    servers = [
        provisioning.Server {
            name = part, count = 501, provider = "local", plan = "1xCPU-2GB", zone = "local"
            taskservs = ["redis"]
        } for part in ["web", "app"]
    ]
}
"""
VALID: dict[str, dict[str, Any]] = {
    SERVERS: {"infra": "shop"},
    TASKSERV: {"operation": "restart", "taskserv": "redis", "infra": "shop"},
    CLUSTER: {"operation": "scale", "cluster_type": "etcd", "infra": "shop"},
}


@pytest.fixture(scope="module")
async def api(
    mongodb: EmbeddedMongo, temporal: Client, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Api]:
    folder = tmp_path_factory.mktemp("workflows")
    infra = folder / "infra" / "shop"
    infra.mkdir(parents=True)
    (infra / "config.k").write_text(SERVER)
    (infra / "many.k").write_text(MANY)
    (infra / "wrong.k").write_text(SERVER.replace('"1xCPU-2GB"', '""'))
    settings = api_settings(folder / "state", mongodb, temporal)
    async with running_api(settings.model_copy(update={"infra_dir": infra.parent}), temporal) as api:
        yield api


async def refusal(api: Api, path: str, body: dict[str, Any]) -> str:
    answer = await api.client.post(path, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json().keys() == {"success", "error", "request_id"}
    return str(answer.json()["error"])


@pytest.mark.parametrize("path", VALID)
async def test_what_the_contract_requires_is_required(api: Api, path: str) -> None:
    for name in VALID[path]:
        error = await refusal(api, path, {k: v for k, v in VALID[path].items() if k != name})
        assert error == f"{name}: Field required"


@pytest.mark.parametrize("path", VALID)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"infra": "a/b"}, "infra: String should match pattern"),
        ({"infra": ".."}, "infra: String should match pattern"),
        ({"infra": 1}, "infra: Input should be a valid string"),
        ({"infra": "other"}, "infra: there is no infra 'other'; there are: shop"),
        ({"settings": "../shop/config.k"}, "settings: '..' is not allowed"),
        ({"settings": "/etc/passwd"}, "settings: '/etc/passwd' is not a path relative"),
        ({"settings": "absent.k"}, "settings: infra 'shop' has no file 'absent.k'"),
        ({"settings": "wrong.k"}, "settings: wrong.k:5:9: Instance check failed; related: Check failed on"),
        ({"settings": ""}, "settings: String should have at least 1 character"),
        ({"settings": None}, "settings: Input should be a valid string"),
        ({"check_mode": "yes"}, "check_mode: Input should be a valid boolean"),
        ({"wait": 1}, "wait: Input should be a valid boolean"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
async def test_each_mistake_is_told_with_its_place(
    api: Api, path: str, change: dict[str, Any], message: str
) -> None:
    assert (await refusal(api, path, VALID[path] | change)).startswith(message)


@pytest.mark.parametrize("path", [TASKSERV, CLUSTER])
async def test_only_the_contracts_operations_are_taken(api: Api, path: str) -> None:
    assert (await refusal(api, path, VALID[path] | {"operation": "explode"})).startswith("operation: ")


async def test_all_mistakes_of_a_task_service_are_told_together(api: Api) -> None:
    for change, first in (
        ({"infra": "other"}, "infra: there is no infra 'other'; there are: shop"),
        ({"settings": "wrong.k"}, "settings: wrong.k:5:9: "),
    ):
        error = await refusal(api, TASKSERV, VALID[TASKSERV] | change | {"taskserv": "nonsense"})
        assert error.startswith(first)
        assert "; taskserv: unknown task service 'nonsense'" in error


async def test_one_operation_takes_no_more_servers_than_a_batch_may_name(api: Api) -> None:
    told = "taskserv: redis is on 1002 servers, and one operation takes 1000"
    assert await refusal(api, TASKSERV, VALID[TASKSERV] | {"settings": "many.k"}) == told


async def cancelled(api: Api, task_id: str) -> tuple[int, str]:
    answer = await api.client.post(f"/tasks/{task_id}/cancel")
    return answer.status_code, str(answer.json().get("error"))


async def test_a_task_is_cancelled_unless_it_has_ended_or_is_a_part_of_a_batch(api: Api) -> None:
    unknown = str(uuid4())
    assert await cancelled(api, unknown) == (404, f"there is no task {unknown}")

    batch_id = await execute(api, operation("part"))
    (batch,) = await data(api, "/batch/operations", limit=1)
    part = batch["operations"][0]["task_id"]
    refused = f"task {part} is an operation of batch {batch_id}; cancel the batch"
    assert await cancelled(api, part) == (409, refused)
    assert (await cancelled(api, batch_id))[0] == 404
    as_a_batch = await api.client.post(f"/batch/operations/{part}/cancel")
    assert (as_a_batch.status_code, as_a_batch.json()["error"]) == (
        404,
        f"there is no batch {part}: this is a task",
    )

    task_id = (await api.client.post(SERVERS, json=VALID[SERVERS])).json()["data"]
    handle = api.temporal.get_workflow_handle(task_id)
    assert [(await cancelled(api, task_id))[0] for _ in range(2)] == [200, 200]
    asked = [event async for event in handle.fetch_history_events()]
    names = [event.workflow_execution_signaled_event_attributes.signal_name for event in asked]
    assert [name for name in names if name] == ["cancel", "cancel"]
    for workflow_id in (task_id, batch_id):
        await api.temporal.get_workflow_handle(workflow_id).terminate()
    assert await cancelled(api, task_id) == (409, f"task {task_id} has already ended")
