"""Single submissions: what is wrong with them or their settings is told, and starts nothing."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio.client import Client

from tests.support.api import Api, api_settings, running_api
from tests.support.hostile_settings import SERVER
from tests.support.mongodb import EmbeddedMongo

SERVERS, TASKSERV, CLUSTER = (f"/workflows/{name}/create" for name in ("servers", "taskserv", "cluster"))
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
