"""What the contract forbids is a client error that says so, and starts nothing."""

import json

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.api import Api
from tests.support.contract_bodies import malformed, schema_of
from tests.support.stack import eventually

BATCH = {
    "name": "fits",
    "version": "1.0.0",
    "storage_backend": "filesystem",
    "parallel_limit": 5,
    "rollback_enabled": True,
    "operations": [
        {
            "id": "servers",
            "type": "server_batch",
            "provider": "local",
            "dependencies": [],
            "config": {"server_configs": [{"name": "web", "plan": "1xCPU-2GB", "zone": "local"}]},
        },
        {
            "id": "services",
            "type": "taskserv_batch",
            "provider": "local",
            "dependencies": ["servers"],
            "config": {"taskservs": ["redis"]},
        },
    ],
}
LOGIN = {"username": "admin", "password": "wrong", "mfa_code": "000000"}

CONFIG_FIELDS = ["server_configs", "taskservs", "servers", "infra", "operation", "name", "plan", "count"]

THOUSAND = settings(
    max_examples=1000,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_JSON = {"content-type": "application/json"}


def assert_client_error(answer: httpx.Response) -> None:
    assert 400 <= answer.status_code < 500, answer.text
    body = answer.json()
    assert set(body) == {"success", "error", "request_id"}
    assert body["success"] is False
    assert body["error"]


@THOUSAND
@given(body=malformed(schema_of("BatchOperationRequest"), BATCH))
async def test_a_thousand_malformed_batches(api: Api, body: bytes) -> None:
    assert_client_error(await api.client.post("/batch/execute", content=body, headers=_JSON))


@settings(THOUSAND, max_examples=200)
@given(body=malformed(schema_of("LoginRequest"), LOGIN))
async def test_malformed_logins(api: Api, body: bytes) -> None:
    assert_client_error(await api.client.post("/auth/login", content=body, headers=_JSON))


@settings(THOUSAND, max_examples=200)
@given(
    config=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["server_configs", "taskservs", "servers", "infra", "operation", "name", "plan", "count"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=10,
    ),
    kind=st.sampled_from(["server_batch", "taskserv_batch", "cluster_batch"]),
)
async def test_configs_that_are_nonsense(api: Api, config: object, kind: str) -> None:
    operation = BATCH["operations"][0] | {"type": kind, "config": config}  # type: ignore[index]
    body = json.dumps(BATCH | {"operations": [operation]}).encode()
    assert_client_error(await api.client.post("/batch/execute", content=body, headers=_JSON))


async def test_only_the_body_that_fits_was_started(api: Api) -> None:
    """Runs last: nothing of the above is in Temporal or in the read model."""
    answer = await api.client.post("/batch/execute", json=BATCH)
    assert answer.status_code == 200, answer.text
    batch_id = answer.json()["data"]["batch_id"]

    listed = await api.client.get("/batch/operations")
    assert [batch["batch_id"] for batch in listed.json()["data"]] == [batch_id]
    started: list[str] = []

    async def is_listed() -> bool:
        nonlocal started
        query = f"TaskQueue = '{api.settings.task_queue}'"
        started = [e.id async for e in api.temporal.list_workflows(query)]
        return batch_id in started

    await eventually(is_listed)
    assert started == [batch_id]
    await api.temporal.get_workflow_handle(batch_id).terminate()
