"""Going back over HTTP, on real local servers."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx

from tests.e2e.test_api_batches import data, ended, execute, operation, until, working
from tests.support.api import Api
from workflows.locks import LocksInput, LocksWorkflow, locks_id

NOTHING = "00000000-0000-0000-0000-000000000000"


async def make_checkpoint(api: Api) -> str:
    answer = await api.client.post("/rollback/checkpoints", json={"name": "before"})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"])


async def completed(api: Api, *operations: dict[str, Any]) -> str:
    batch_id = await execute(api, *operations)
    assert (await ended(api, batch_id))["status"] == "Completed"
    return batch_id


async def roll_back(api: Api, **body: Any) -> Any:
    answer = await api.client.post("/rollback/execute", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def refused(api: Api, status: int, **body: Any) -> str:
    answer = await api.client.post("/rollback/execute", json=body)
    assert answer.status_code == status, answer.text
    return str(answer.json()["error"])


async def servers(api: Api) -> dict[str, tuple[str, str]]:
    """What exists, without who made it."""
    return {one["name"]: (one["plan"], one["zone"]) for one in await data(api, "/inventory/servers")}


def deletion(server: str) -> dict[str, Any]:
    return operation("rb-delete", operation="delete", server_configs=[{"name": server}])


async def test_the_world_of_a_checkpoint_comes_back(api: Api) -> None:
    async with working(api):
        await completed(api, operation("rb-old"))
        checkpoint, world = await make_checkpoint(api), await servers(api)
        batch_id = await completed(api, operation("rb-a"), operation("rb-b"), deletion("rb-old"))

        asked = await api.client.post(
            "/rollback/execute", params={"dry_run": True}, json={"checkpoint_id": checkpoint}
        )
        preview = asked.json()["data"]
        assert (preview["rollback_id"], preview["operations_executed"]) == (NOTHING, 0)
        assert {step["resource"] for step in preview["would_undo"]} == {
            f"default/{name}" for name in ("rb-a", "rb-b", "rb-old")
        }
        positions = [step["position"] for step in preview["would_undo"]]
        assert positions == sorted(positions, reverse=True)
        assert {step["batch_id"] for step in preview["would_undo"]} == {batch_id}
        assert (await servers(api)).keys() == {"rb-a", "rb-b"}

        # The same key: one rollback and one answer.
        key = {"Idempotency-Key": str(uuid4())}
        body = {"checkpoint_id": checkpoint}
        first, second = await asyncio.gather(
            *(api.client.post("/rollback/execute", json=body, headers=key) for _ in range(2))
        )
        results = [a.json()["data"] for a in (first, second) if a.status_code == 200]
        assert results and all(result == results[0] for result in results), (first.text, second.text)
        result = results[0]
        assert (result["success"], result["operations_executed"], result["operations_failed"]) == (True, 3, 0)
        assert result["duration"] > 0
        assert await servers(api) == world

        identity = result["rollback_id"]
        progress = await data(api, f"/state/workflows/{identity}/progress")
        assert progress["progress"] == 100.0
        snapshots = await data(api, f"/state/workflows/{identity}/snapshots")
        assert [one["state"] for one in snapshots] == ["Running"] * 4 + ["Completed"]
        assert (await data(api, f"/tasks/{identity}"))["status"] == "Completed"
        assert identity in {task["id"] for task in await data(api, "/tasks")}
        assert len(await data(api, "/inventory/effects", task_id=identity)) == 3
        assert (await api.client.get(f"/batch/operations/{identity}")).status_code == 404
        # Nothing is left, and what was undone can be done again.
        assert (await roll_back(api, checkpoint_id=checkpoint))["operations_executed"] == 0
        assert (await roll_back(api, operation_ids=[identity]))["operations_executed"] == 3
        assert (await servers(api)).keys() == {"rb-a", "rb-b"}


async def test_single_operations_and_what_stands_in_their_way(api: Api) -> None:
    async with working(api):
        first = await completed(api, operation("rp-a"), operation("rp-b"))
        second = await completed(
            api, operation("rp-a", server_configs=[{"name": "rp-c", "plan": "1xCPU-2GB", "zone": "local"}])
        )
        error = await refused(api, 409, operation_ids=["rp-a"])
        assert f"{first}/rp-a" in error and f"{second}/rp-a" in error
        await completed(api, {**deletion("rp-b"), "id": "rp-delete"})
        assert "/rp-delete" in await refused(api, 409, operation_ids=["rp-b"])
        assert (await roll_back(api, operation_ids=["rp-b", "rp-delete"]))["operations_executed"] == 2
        assert (await roll_back(api, operation_ids=[f"{first}/rp-a"]))["operations_executed"] == 1
        assert (await roll_back(api, operation_ids=["rp-a"]))["operations_executed"] == 1
        assert not {"rp-a", "rp-b", "rp-c"} & (await servers(api)).keys()


async def locked(api: Api, workflow_id: str) -> None:
    """Returns when it holds its lock. A worker that has just begun may not answer yet."""

    def is_held(answer: httpx.Response) -> bool:
        locks = answer.json()["data"] if answer.status_code == 200 else []
        return (workflow_id, "Held") in {(lock["workflow_id"], lock["status"]) for lock in locks}

    await until(lambda: api.client.get("/locks"), is_held)


async def test_work_in_progress_is_not_disturbed(api: Api) -> None:
    checkpoint = await make_checkpoint(api)
    async with working(api):
        await completed(api, operation("rw-a"), operation("rw-b"))
    # Many servers, so that it takes its time.
    many = [{"name": "rw-many", "count": 20, "plan": "1xCPU-2GB", "zone": "local"}]
    batch_id = await execute(api, operation("rw-many", server_configs=[*many, server("rw-a")]))
    # Nobody makes them yet, so that it is not over before everything was asked.
    async with working(api, able=False):
        await locked(api, batch_id)
        assert batch_id in await refused(api, 409, checkpoint_id=checkpoint)
        assert batch_id in await refused(api, 409, operation_ids=["rw-a"])
    async with working(api):
        # Another server of the same infra is none of its business.
        assert (await roll_back(api, operation_ids=["rw-b"]))["operations_executed"] == 1
        assert (await ended(api, batch_id))["status"] == "Completed"
        # It shows what it holds, and after its end nothing.
        assert batch_id not in {lock["workflow_id"] for lock in await data(api, "/locks", infra="default")}
        assert (await roll_back(api, checkpoint_id=checkpoint))["operations_executed"] == 21
        assert await data(api, "/locks") == []


async def test_what_has_yet_to_be_done_is_not_undone(api: Api) -> None:
    batch_id = await execute(api, operation("ru-a"), {**operation("ru-b"), "dependencies": ["ru-a"]})
    # Without a worker nothing is done yet, and so nothing is locked by what it did.
    for entry in ("ru-a", f"{batch_id}/ru-b"):
        assert batch_id in await refused(api, 409, operation_ids=[entry])
    async with working(api):
        assert (await ended(api, batch_id))["status"] == "Completed"
        assert (await roll_back(api, operation_ids=["ru-a", "ru-b"]))["operations_executed"] == 2


async def test_without_a_worker_a_rollback_is_not_started(api: Api) -> None:
    checkpoint = await make_checkpoint(api)
    async with working(api):
        # An infra of its own: its list of locks waits for this worker for ever.
        await completed(api, operation("rn-a", infra="rn"))
    before = await data(api, "/tasks")
    assert "worker" in await refused(api, 503, checkpoint_id=checkpoint)
    assert await data(api, "/tasks") == before


def server(name: str) -> dict[str, Any]:
    return {"name": name, "plan": "1xCPU-2GB", "zone": "local"}


async def test_what_cannot_be_asked_for(api: Api) -> None:
    both: dict[str, Any] = {"checkpoint_id": str(uuid4()), "operation_ids": ["a"]}
    bodies: list[dict[str, Any]] = [
        {},
        both,
        {"operation_ids": []},
        {"checkpoint_id": None},
        {"operation_ids": [""]},
    ]
    for body in bodies:
        answer = await api.client.post("/rollback/execute", json=body)
        assert answer.status_code == 422, body
    unknown = str(uuid4())
    assert unknown in await refused(api, 404, checkpoint_id=unknown)
    error = await refused(api, 404, operation_ids=[unknown, f"{unknown}/a", "never-was"])
    assert all(name in error for name in (unknown, f"{unknown}/a", "never-was"))


async def test_the_locks_of_another_service_in_the_same_namespace_are_none_of_its_business(api: Api) -> None:
    identity, nobody = locks_id("elsewhere"), "without-a-worker"
    handle = await api.temporal.start_workflow(
        LocksWorkflow.run, LocksInput(infra="elsewhere"), id=identity, task_queue=nobody
    )
    try:
        await until(lambda: _running(api, nobody), lambda found: found == 1)
        # An earlier test's rollback, which was not started, may still be listed.
        async with working(api):
            assert "elsewhere" not in {lock["infra"] for lock in await data(api, "/locks")}
    finally:
        await handle.terminate()


async def _running(api: Api, task_queue: str) -> int:
    """How many executions of that task queue are listed, which is a moment after they were started."""
    listed = f"TaskQueue = '{task_queue}' AND ExecutionStatus = 'Running'"
    return (await api.temporal.count_workflows(listed)).count
