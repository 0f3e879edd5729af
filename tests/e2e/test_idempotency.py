"""One `Idempotency-Key`, one execution: for any number of clients and API processes, whoever dies when."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from temporalio.client import Client

from tests.support.api import Api, api_settings, running_api
from tests.support.mongodb import EmbeddedMongo
from tests.support.stack import eventually
from workflows.domain.batches import BatchSpec
from workflows.domain.errors import Unavailable

CLIENTS = 100


def batch(name: str = "once", **more: Any) -> dict[str, Any]:
    servers = [{"name": "web", "plan": "1xCPU-2GB", "zone": "local"}]
    operation = {
        "id": "a",
        "type": "server_batch",
        "provider": "local",
        "dependencies": [],
        "config": {"server_configs": servers},
    }
    return {"name": name, "operations": [operation]} | more


async def send(api: Api, key: str, body: dict[str, Any] | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": key}
    return await api.client.post("/batch/execute", json=body or batch(), headers=headers)


async def executions(api: Api) -> Counter[str]:
    """How often each workflow id of this API's queue was executed; the visibility store may lag."""
    query = f"TaskQueue = '{api.settings.task_queue}'"
    return Counter([e.id async for e in api.temporal.list_workflows(query)])


def has_seen(api: Api, workflow_id: str) -> Callable[[], Awaitable[bool]]:
    async def seen() -> bool:
        return workflow_id in await executions(api)

    return seen


async def listed(api: Api) -> list[str]:
    answer = await api.client.get("/batch/operations?limit=1000")
    return [row["batch_id"] for row in answer.json()["data"]]


async def is_executed_once(api: Api, batch_id: str) -> None:
    """In Temporal and in the read model, alone in both."""
    await eventually(has_seen(api, batch_id), every=0.1)
    # What was started at the same time would have been seen by now, or carries an id that is listed.
    marker = (await api.client.post("/batch/execute", json=batch("marker"))).json()["data"]["batch_id"]
    await eventually(has_seen(api, marker), every=0.1)
    assert await executions(api) == Counter([batch_id, marker])
    assert sorted(await listed(api)) == sorted([batch_id, marker])


@pytest.fixture
async def apis(mongodb: EmbeddedMongo, temporal: Client, tmp_path: Path) -> AsyncIterator[tuple[Api, Api]]:
    """Two processes' worth of API on one database and one queue, without a worker."""
    settings = api_settings(tmp_path, mongodb, temporal)
    async with running_api(settings, temporal) as one, running_api(settings, temporal) as other:
        yield one, other
        for workflow_id in await executions(one):
            await temporal.get_workflow_handle(workflow_id).terminate()


async def test_a_hundred_clients_get_one_execution_and_equal_answers(apis: tuple[Api, Api]) -> None:
    key = str(uuid4())
    answers = await asyncio.gather(*(send(apis[n % 2], key) for n in range(CLIENTS)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    batch_id = answers[0].json()["data"]["batch_id"]
    for api in apis:
        late = await send(api, key)
        assert late.content == answers[0].content
        assert late.headers["idempotency-replayed"] == "true"
    await is_executed_once(apis[0], batch_id)


Step = Callable[[BatchSpec], Awaitable[None]]


class Died(Exception):
    """The process ended here."""


def dying(step: Callable[..., Awaitable[Any]], *, after: bool) -> Callable[..., Awaitable[Any]]:
    async def dies(*args: Any) -> Any:
        if after:
            await step(*args)
        raise Died

    return dies


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("part", ["claim", "start", "rows", "answer"])
async def test_whoever_dies_at_any_line_is_healed_by_the_next_one(
    apis: tuple[Api, Api], monkeypatch: pytest.MonkeyPatch, part: str, after: bool
) -> None:
    """The first process gets no further than that line, and the client asks the other one."""
    dead, alive = apis
    services = dead.services
    owner, name = {
        "claim": (services.stores.claims, "claim"),
        "start": (services.orchestrator, "start_batch"),
        "rows": (services.stores.read_model, "accept"),
        "answer": (services.stores.claims, "answered"),
    }[part]
    monkeypatch.setattr(owner, name, dying(getattr(owner, name), after=after))
    key = str(uuid4())
    # The answer of one that dies is in no contract.
    monkeypatch.setattr(dead.client, "event_hooks", {})
    assert (await send(dead, key)).status_code == 500
    healed = await send(alive, key)
    assert healed.status_code == 200, healed.text
    assert ("idempotency-replayed" in healed.headers) == ((part, after) == ("answer", True))
    again = await send(alive, key)
    assert again.content == healed.content
    assert again.headers["idempotency-replayed"] == "true"
    await is_executed_once(alive, healed.json()["data"]["batch_id"])


async def test_a_key_without_an_answer_does_not_start_again_what_temporal_has_forgotten(
    apis: tuple[Api, Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    api, other = apis
    claims = api.services.stores.claims
    monkeypatch.setattr(claims, "answered", dying(claims.answered, after=False))
    monkeypatch.setattr(api.client, "event_hooks", {})
    key = str(uuid4())
    assert (await send(api, key)).status_code == 500
    (batch_id,) = await listed(api)
    workflow = api.temporal.get_workflow_handle(batch_id)
    await workflow.terminate()
    await forget(api, batch_id)
    healed = await send(other, key)
    assert healed.json()["data"]["batch_id"] == batch_id
    assert await executions(api) == Counter()


async def forget(api: Api, workflow_id: str) -> None:
    """As the end of the retention would."""
    from temporalio.api.common.v1 import WorkflowExecution
    from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest

    # The list may lag: what it does not show yet would look forgotten, and appear later.
    await eventually(has_seen(api, workflow_id), every=0.1)
    await api.temporal.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=api.temporal.namespace, workflow_execution=WorkflowExecution(workflow_id=workflow_id)
        )
    )

    async def forgotten() -> bool:
        return workflow_id not in await executions(api)

    await eventually(forgotten, every=0.1)


async def test_another_body_is_refused_before_anything_else_is_said_of_it(apis: tuple[Api, Api]) -> None:
    api = apis[0]
    key = str(uuid4())
    assert (await send(api, key)).status_code == 200
    unfit: list[dict[str, Any]] = [batch("other"), batch(parallel_limit=0), batch(operations=[])]
    for body in unfit:
        answer = await send(api, key, body)
        assert answer.status_code == 409
        assert "Idempotency-Key" in answer.json()["error"]
    # The same JSON, written in another way.
    rewritten = {name: batch()[name] for name in reversed(batch())}
    assert (await send(api, key, rewritten)).headers["idempotency-replayed"] == "true"
    assert len(await listed(api)) == 1


async def test_a_mistake_does_not_use_the_key_up(apis: tuple[Api, Api]) -> None:
    api = apis[0]
    key = str(uuid4())
    for mistake in (batch(parallel_limit=0), batch(operations=[])):
        assert (await send(api, key, mistake)).status_code == 422
    assert (await send(api, key)).status_code == 200


async def test_a_key_belongs_to_its_user(apis: tuple[Api, Api]) -> None:
    api = apis[0]
    user = await api.user("operator")
    theirs = {"Authorization": f"Bearer {await api.token(user.username)}", "Idempotency-Key": "the same"}
    mine = await send(api, "the same")
    other = await api.client.post("/batch/execute", json=batch("theirs"), headers=theirs)
    assert (mine.status_code, other.status_code) == (200, 200)
    assert mine.json()["data"]["batch_id"] != other.json()["data"]["batch_id"]


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "tab\tinside", "ümlaut"])
async def test_a_key_that_is_none_is_refused(apis: tuple[Api, Api], key: str) -> None:
    headers = [("Idempotency-Key", key.encode())]
    answer = await apis[0].client.post("/batch/execute", json=batch(), headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("Idempotency-Key: ")


async def test_two_keys_are_refused(apis: tuple[Api, Api]) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    answer = await apis[0].client.post("/batch/execute", json=batch(), headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (422, "Idempotency-Key: send one")


async def test_without_the_database_nothing_is_started(
    mortal_mongodb: EmbeddedMongo, temporal: Client, tmp_path: Path
) -> None:
    async with running_api(api_settings(tmp_path, mortal_mongodb, temporal), temporal) as api:
        claims = api.services.stores.claims
        await asyncio.to_thread(mortal_mongodb.kill)
        with pytest.raises(Unavailable):
            await claims.find("any")
        assert (await send(api, "a key")).status_code == 503
        await asyncio.to_thread(mortal_mongodb.start)

        async def back() -> bool:
            return (await send(api, "a key")).status_code != 503

        await eventually(back, every=0.1)
        answer = await send(api, "a key")
        assert answer.status_code == 200
        await is_executed_once(api, answer.json()["data"]["batch_id"])
        for workflow_id in await executions(api):
            await temporal.get_workflow_handle(workflow_id).terminate()
