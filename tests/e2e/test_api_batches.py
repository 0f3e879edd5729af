"""A batch over HTTP, from its start to its end: what each answer says, and when."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import uuid4

import pytest

from activities.executions import Executions
from activities.locks import Locks
from activities.providers.registry import build_providers
from activities.records import Records
from activities.rollbacks import Rollbacks
from activities.servers import Servers
from tests.support.api import Api
from tests.support.supervised import supervised
from worker import create_worker
from workflows.contracts.base import ActivityContract
from workflows.domain.batches import BatchSpec
from workflows.domain.identity import task_id

T = TypeVar("T")

UNKNOWN = "020bb38d-6db0-4dd7-998e-05c43707f92d"


def operation(name: str, *needs: str, **config: Any) -> dict[str, Any]:
    server = {"name": name, "plan": "1xCPU-2GB", "zone": "local"}
    return {
        "id": name,
        "type": "server_batch",
        "provider": "local",
        "dependencies": needs,
        "config": {"server_configs": [server]} | config,
    }


@contextlib.asynccontextmanager
async def working(api: Api, *, able: bool = True) -> AsyncIterator[None]:
    """A worker for this API's queue. One that is not able runs workflows, and changes no server."""
    stores = api.services.stores
    contracts: list[ActivityContract] = [
        Records(stores.ledger, stores.inventory, stores.read_model, stores.event_log, stores.snapshots),
        Executions(api.temporal),
        Locks(api.temporal),
    ]
    if able:
        contracts.append(Servers(build_providers(api.settings), stores.inventory))
        contracts.append(Rollbacks(stores.rollbacks, stores.ledger, stores.inventory))
    async with supervised(lambda: create_worker(api.temporal, api.settings.task_queue, contracts)):
        yield


async def execute(api: Api, *operations: dict[str, Any], name: str = "n", **more: Any) -> str:
    answer = await api.client.post("/batch/execute", json={"name": name, "operations": operations} | more)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["batch_id"])


async def data(api: Api, path: str, **query: Any) -> Any:
    answer = await api.client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.json()["success"] is True
    return answer.json()["data"]


async def until(ask: Callable[[], Awaitable[T]], fits: Callable[[T], bool]) -> T:
    """The first answer that fits."""
    async with asyncio.timeout(90):
        while True:
            answer = await ask()
            if fits(answer):
                return answer
            await asyncio.sleep(0.1)


async def ended(api: Api, batch_id: str) -> Any:
    path = f"/batch/operations/{batch_id}"
    return await until(lambda: data(api, path), lambda batch: batch["status"] != "Running")


async def test_what_was_started_is_told_at_once(api: Api) -> None:
    body = {"name": "told", "operations": [operation("told-a"), operation("told-b", "told-a")]}
    answer = await api.client.post("/batch/execute", json=body)
    result = answer.json()["data"]
    batch_id = result["batch_id"]
    assert result["status"] == "Running"
    assert [(o["id"], o["status"], o["progress"]) for o in result["operations"]] == [
        ("told-a", "Pending", 0.0),
        ("told-b", "Pending", 0.0),
    ]
    batch = await data(api, f"/batch/operations/{batch_id}")
    assert (batch["name"], batch["status"]) == ("told", "Running")
    (listed,) = await data(api, "/batch/operations", limit=1)
    assert listed["operations"] == result["operations"]
    of_graph: tuple[dict[str, list[str]], ...] = ({"dependencies": []}, {"dependencies": ["told-a"]})
    assert batch["operations"] == [
        one | more | {"workflow_type": "server_creation"}
        for one, more in zip(result["operations"], of_graph, strict=True)
    ]
    task = await data(api, f"/tasks/{task_id(batch_id, 'told-b')}")
    assert (task["status"], task["dependencies"]) == ("Pending", [task_id(batch_id, "told-a")])
    assert {"id", "name", "command", "args", "created_at", "started_at", "output", "error"} <= task.keys()
    await api.temporal.get_workflow_handle(batch_id).terminate()


async def test_progress_and_snapshots_while_it_runs_and_after(api: Api) -> None:
    batch_id = await execute(api, operation("run-a"), operation("run-b", "run-a"))
    first, second = task_id(batch_id, "run-a"), task_id(batch_id, "run-b")

    unanswered = await api.client.get(f"/state/workflows/{batch_id}/progress")
    assert unanswered.status_code == 503
    assert "worker" in unanswered.json()["error"]

    async with working(api, able=False):
        path = f"/state/workflows/{batch_id}/progress"
        answer = await until(lambda: api.client.get(path), lambda answer: answer.status_code == 200)
        progress = answer.json()["data"]
        assert progress["workflow_id"] == batch_id
        assert progress["total_steps"] == 2
        assert progress["progress"] < 100
        await until(lambda: data(api, f"/tasks/{first}"), lambda task: task["status"] == "Running")
        assert (await data(api, f"/state/workflows/{first}/progress"))["workflow_id"] == first
        pending = await data(api, f"/state/workflows/{second}/progress")
        assert (pending["progress"], pending["current_step"]) == (0.0, "Pending")
        assert await data(api, f"/state/workflows/{batch_id}/snapshots")

    async with working(api):
        batch = await ended(api, batch_id)
    assert batch["status"] == "Completed"
    assert [o["progress"] for o in batch["operations"]] == [100.0, 100.0]

    # Nobody is there any more who could be asked: this is what was written down.
    for workflow_id in (batch_id, first, second):
        progress = await data(api, f"/state/workflows/{workflow_id}/progress")
        assert (progress["workflow_id"], progress["progress"]) == (workflow_id, 100.0)
        snapshots = await data(api, f"/state/workflows/{workflow_id}/snapshots")
        assert len({snapshot["snapshot_id"] for snapshot in snapshots}) == len(snapshots) > 0
        assert snapshots[-1]["state"] == "Completed"
        times = [snapshot["timestamp"] for snapshot in snapshots]
        assert times == sorted(times)


async def test_what_exists_and_who_made_it(api: Api) -> None:
    made = operation("seen", infra="shown")
    async with working(api):
        batch_id = await execute(api, made)
        assert (await ended(api, batch_id))["status"] == "Completed"
        maker = task_id(batch_id, "seen")
        (server,) = await data(api, "/inventory/servers", infra="shown", provider="local")
        assert (server["name"], server["infra"], server["status"]) == ("seen", "shown", "Running")
        assert server["task_id"] == maker
        assert server["ssh"].keys() == {"host", "port", "user"}
        assert await data(api, "/inventory/servers", infra="shown", provider="aws") == []

        made["config"]["operation"] = "delete"
        gone_id = await execute(api, made)
        assert (await ended(api, gone_id))["status"] == "Completed"
        assert await data(api, "/inventory/servers", infra="shown") == []

    for query in ({"server": "seen"}, {"server": "shown/seen"}):
        kinds = [effect["kind"] for effect in await data(api, "/inventory/effects", **query)]
        assert kinds == ["server_deleted", "server_created"]
    (effect,) = await data(api, "/inventory/effects", batch_id=batch_id)
    assert (effect["kind"], effect["task_id"], effect["server"]) == ("server_created", maker, "seen")
    assert await data(api, "/inventory/effects", task_id=maker) == [effect]
    assert await data(api, "/inventory/effects", task_id=UNKNOWN) == []


async def test_cancel_until_it_has_ended(api: Api) -> None:
    batch_id = await execute(api, operation("stop-a"), operation("stop-b", "stop-a"))
    for _ in range(2):
        answer = await api.client.post(f"/batch/operations/{batch_id}/cancel")
        assert (answer.status_code, answer.json()["data"]) == (200, "Operation cancelled")
    async with working(api):
        batch = await ended(api, batch_id)
    assert batch["status"] == "Cancelled"
    assert {o["status"] for o in batch["operations"]} == {"Cancelled"}
    late = await api.client.post(f"/batch/operations/{batch_id}/cancel")
    assert late.status_code == 409
    assert "Cancelled" in late.json()["error"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/tasks/{UNKNOWN}"),
        ("GET", f"/batch/operations/{UNKNOWN}"),
        ("POST", f"/batch/operations/{UNKNOWN}/cancel"),
        ("GET", f"/state/workflows/{UNKNOWN}/progress"),
        ("GET", f"/state/workflows/{UNKNOWN}/snapshots"),
    ],
)
async def test_what_is_unknown(api: Api, method: str, path: str) -> None:
    answer = await api.client.request(method, path)
    assert answer.status_code == 404
    assert UNKNOWN in answer.json()["error"]
    unfit = await api.client.request(method, path.replace(UNKNOWN, "not-a-uuid"))
    assert unfit.status_code == 422


async def test_lists_come_in_pages_newest_first(api: Api) -> None:
    ids = [await execute(api, operation(f"page-{n}"), operation(f"page-{n}-b")) for n in range(5)]
    try:
        for path, newest in (
            ("/batch/operations", [(b, "batch_id") for b in reversed(ids)]),
            ("/tasks", [(b, "batch_id") for b in reversed(ids) for _ in range(2)]),
        ):
            seen: list[Any] = []
            target: str | None = f"{path}?limit=3&status={'Running' if 'batch' in path else 'Pending'}"
            while target is not None and len(seen) < len(newest):
                answer = await api.client.get(target)
                total = int(answer.headers["x-total-count"])
                assert total >= len(newest)
                seen += answer.json()["data"]
                target = answer.links.get("next", {}).get("url")
            assert [row["batch_id"] for row in seen][: len(newest)] == [b for b, _ in newest]
        last = await api.client.get("/batch/operations", params={"offset": 10_000})
        assert last.json()["data"] == []
        assert "link" not in last.headers
    finally:
        for batch_id in ids:
            await api.temporal.get_workflow_handle(batch_id).terminate()


async def test_a_batch_that_is_not_written_down_yet_is_not_unknown(api: Api) -> None:
    """As after a database that went away between the start and the first row."""
    batch = BatchSpec(
        batch_id=str(uuid4()), name="n", operations=(), requested_by="somebody", created_at=datetime.now(UTC)
    )
    await api.services.orchestrator.start_batch(batch)
    unwritten = await api.client.get(f"/batch/operations/{batch.batch_id}")
    assert unwritten.status_code == 503
    cancelled = await api.client.post(f"/batch/operations/{batch.batch_id}/cancel")
    assert cancelled.status_code == 200
    await api.temporal.get_workflow_handle(batch.batch_id).terminate()
    assert (await api.client.get(f"/batch/operations/{batch.batch_id}")).status_code == 404
