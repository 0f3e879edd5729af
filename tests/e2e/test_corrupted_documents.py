"""A document that somebody has spoilt by hand costs itself and nothing else, and the log names it."""

from uuid import uuid4

import pytest

from activities.mongo.connection import Connection
from activities.mongo.snapshot_outbox import MongoSnapshotOutbox
from api.security.attempts import MAX_PER_USER
from tests.support.api import Api, running_api
from tests.support.mongodb import opened_stores
from tests.support.samples import created, server
from tests.support.spoiling import COLLECTIONS, EFFECTS, GUESSED, KEYS, PLANS, WORKERS, Filled, named, spoil

BATCH = {
    "name": "new",
    "operations": [
        {
            "id": "a",
            "type": "server_batch",
            "provider": "local",
            "dependencies": [],
            "config": {"server_configs": [{"name": "new", "plan": "1xCPU-2GB", "zone": "local"}]},
        }
    ],
}


async def listed(api: Api, path: str, field: str) -> set[str]:
    answer = await api.client.get(path)
    assert answer.status_code == 200, answer.text
    return {item[field] for item in answer.json()["data"]}


async def test_a_batch(filled: Filled, complaints: pytest.LogCaptureFixture) -> None:
    bad, good = filled.batches
    spoil(filled.database, "batches", bad)
    async with running_api(filled.settings, filled.temporal) as api:
        assert await listed(api, "/batch/operations", "batch_id") == {good}
        assert await listed(api, "/tasks", "batch_id") >= {good}
    assert named(complaints, "batches", bad)


async def test_a_task(filled: Filled, complaints: pytest.LogCaptureFixture) -> None:
    tasks = {str(task["_id"]) for task in filled.database["tasks"].find({}, {"_id": 1})}
    bad = sorted(tasks)[0]
    spoil(filled.database, "tasks", bad)
    async with running_api(filled.settings, filled.temporal) as api:
        assert await listed(api, "/tasks", "id") == tasks - {bad}
        assert await listed(api, "/batch/operations", "batch_id") == set(filled.batches)
        assert (await api.client.get(f"/tasks/{bad}")).status_code == 404
    assert named(complaints, "tasks", bad)


async def test_an_effect(filled: Filled, complaints: pytest.LogCaptureFixture) -> None:
    bad, good = EFFECTS
    spoil(filled.database, "ledger", bad)
    async with running_api(filled.settings, filled.temporal) as api:
        assert await listed(api, "/inventory/effects", "id") == {good}
        # What is new is still folded in behind it.
        third = server("web-03")
        await api.services.stores.ledger.append([created(third, task_id=str(uuid4()))])
        await api.services.stores.inventory.catch_up()
        assert await listed(api, "/inventory/servers", "name") == {"web-01", "web-02", "web-03"}
    assert named(complaints, "ledger", bad)


async def test_a_server(filled: Filled, complaints: pytest.LogCaptureFixture) -> None:
    spoil(filled.database, "inventory", "server:default/web-01")
    async with running_api(filled.settings, filled.temporal) as api:
        assert await listed(api, "/inventory/servers", "name") == {"web-02"}
    assert named(complaints, "inventory", "server:default/web-01")


async def test_how_far_the_inventory_is(filled: Filled, complaints: pytest.LogCaptureFixture) -> None:
    filled.database["markers"].update_one({"_id": "inventory"}, {"$set": {"position": "spoilt"}})
    async with running_api(filled.settings, filled.temporal) as api:
        await api.services.stores.inventory.catch_up()
        assert await listed(api, "/inventory/servers", "name") == {"web-01", "web-02"}
    assert named(complaints, "markers", "inventory")
    marker = filled.database["markers"].find_one({"_id": "inventory"})
    assert marker is not None and marker["position"] == 2  # it was counted anew


async def test_an_event(filled: Filled, complaints: pytest.LogCaptureFixture) -> None:
    spoil(filled.database, "events", "event-1")
    async with opened_stores(filled.settings) as stores:
        events = await stores.event_log.read(0, 100)
        await stores.event_log.append([events[0][1].model_copy(update={"id": "event-9"})])
        events = await stores.event_log.read(0, 100)
    ours = [event.id for _, event in events if event.id.startswith("event-")]
    assert ours == ["event-0", "event-2", "event-9"]
    assert named(complaints, "events", "event-1")


async def test_a_user(filled: Filled, complaints: pytest.LogCaptureFixture) -> None:
    bad = filled.user()
    spoil(filled.database, "users", bad)
    async with running_api(filled.settings, filled.temporal) as api:  # the admin logs in
        assert await listed(api, "/users", "username") == {"admin"}
        document = filled.database["users"].find_one({"_id": bad})
        assert document is not None
        body = {"username": document["username"], "password": "whatever it was before"}
        assert (await api.client.post("/auth/login", json=body)).status_code == 401
    assert named(complaints, "users", bad)


async def test_a_checkpoint(filled: Filled, complaints: pytest.LogCaptureFixture) -> None:
    bad, good = filled.checkpoints
    spoil(filled.database, "checkpoints", bad)
    async with running_api(filled.settings, filled.temporal) as api:
        assert await listed(api, "/rollback/checkpoints", "id") == {good}
        for checkpoint_id, status in ((bad, 404), (good, 200)):
            answer = await api.client.post(
                "/rollback/execute?dry_run=true", json={"checkpoint_id": checkpoint_id}
            )
            assert answer.status_code == status, answer.text
    assert named(complaints, "checkpoints", bad)


async def test_a_piece_of_a_checkpoints_picture(filled: Filled, complaints: pytest.LogCaptureFixture) -> None:
    bad = next(name for name in filled.ids("checkpoint_pieces") if name.startswith(filled.checkpoints[0]))
    spoil(filled.database, "checkpoint_pieces", bad)
    async with running_api(filled.settings, filled.temporal) as api:
        assert await listed(api, "/rollback/checkpoints", "id") == set(filled.checkpoints)
        pictures = [await api.services.stores.checkpoints.picture(one) for one in filled.checkpoints]
    assert [picture is None for picture in pictures] == [True, False]
    assert named(complaints, "checkpoint_pieces", bad)


async def test_the_plan_of_a_rollback(filled: Filled, complaints: pytest.LogCaptureFixture) -> None:
    bad, good = (f"{plan}/0" for plan in PLANS)
    spoil(filled.database, "rollback_plans", bad)
    async with opened_stores(filled.settings) as stores:
        parts = [await stores.rollbacks.plan_part(plan, 0) for plan in PLANS]
    assert [part is None for part in parts] == [True, False]
    assert named(complaints, "rollback_plans", bad)
    assert not named(complaints, "rollback_plans", good)


async def test_the_record_of_a_key(filled: Filled, complaints: pytest.LogCaptureFixture) -> None:
    async with running_api(filled.settings, filled.temporal) as api:

        async def again(key: str) -> int:
            headers = {"Idempotency-Key": key}
            answer = await api.client.post("/rollback/checkpoints", json={"name": key}, headers=headers)
            assert "x-request-id" in answer.headers
            return answer.status_code

        records = {document["_id"] for document in filled.database["idempotency"].find({}, {"_id": 1})}
        await again("another")
        ours = {document["_id"] for document in filled.database["idempotency"].find({}, {"_id": 1})} - records
        (bad,) = ours
        spoil(filled.database, "idempotency", bad)
        # Nobody knows what it stood for, so it is not done again.
        assert [await again(key) for key in ("another", *KEYS)] == [409, 200, 200]
        assert await listed(api, "/rollback/checkpoints", "name") == {"another", *KEYS}
    assert named(complaints, "idempotency", bad)


async def test_the_count_of_failed_logins(filled: Filled, complaints: pytest.LogCaptureFixture) -> None:
    for bad in filled.ids("login_attempts"):
        spoil(filled.database, "login_attempts", bad)
    async with running_api(filled.settings, filled.temporal) as api:
        guess = {"username": GUESSED, "password": "wrong"}
        guesses = [(await api.client.post("/auth/login", json=guess)).status_code for _ in range(11)]
    assert guesses == [401] * MAX_PER_USER + [429], "it counts anew"
    assert any(named(complaints, "login_attempts", bad) for bad in filled.ids("login_attempts"))


async def test_what_is_known_by_its_name_alone(filled: Filled) -> None:
    """Nothing in these is read, so nothing in them can be spoilt."""
    for collection in ("revoked_tokens", "probes"):
        for bad in filled.ids(collection):
            spoil(filled.database, collection, bad)
    async with running_api(filled.settings, filled.temporal) as api:
        headers = {"Authorization": f"Bearer {filled.given_up}"}
        assert (await api.client.get("/tasks", headers=headers)).status_code == 401
        await api.services.stores.check()


async def test_an_entry_of_the_audit_log(filled: Filled, complaints: pytest.LogCaptureFixture) -> None:
    bad, *good = filled.ids("audit")
    filled.database["audit"].update_one({"_id": bad}, {"$set": {"json": {"spoilt": True}}})
    async with running_api(filled.settings, filled.temporal) as api:
        assert await listed(api, "/audit", "id") >= set(good)
    assert named(complaints, "audit", bad)


async def test_a_worker(filled: Filled, complaints: pytest.LogCaptureFixture) -> None:
    bad, good = WORKERS
    spoil(filled.database, "workers", bad)
    async with running_api(filled.settings, filled.temporal) as api:
        assert (await api.client.get("/state/system/health")).status_code == 200
        seen = await api.services.stores.workers.workers(filled.settings.task_queue)
    assert [sighting.worker.id for sighting in seen] == [good]
    assert named(complaints, "workers", bad)


async def test_snapshots_that_wait(filled: Filled, complaints: pytest.LogCaptureFixture) -> None:
    bad, _ = filled.ids("snapshot_outbox")
    spoil(filled.database, "snapshot_outbox", bad)
    connection = Connection(filled.settings.mongodb_target, filled.settings.mongodb_database)
    try:
        waiting = await MongoSnapshotOutbox(connection).of("surrealdb", filled.batches[0])
    finally:
        connection.close()
    assert [one.number for one in waiting] == ["2"]
    assert named(complaints, "snapshot_outbox", bad)


async def test_one_in_each_collection_at_once(filled: Filled, complaints: pytest.LogCaptureFixture) -> None:
    assert set(filled.database.list_collection_names()) == COLLECTIONS, "each of them has a test here"
    for collection in COLLECTIONS:
        bad = filled.user() if collection == "users" else filled.ids(collection)[0]
        spoil(filled.database, collection, bad)
    async with running_api(filled.settings, filled.temporal) as api:
        for path in ("/batch/operations", "/tasks", "/rollback/checkpoints", "/inventory/servers"):
            assert len((await api.client.get(path)).json()["data"]) >= 1, path
        for path in ("/users", "/inventory/effects", "/state/system/health", "/state/system/metrics"):
            assert (await api.client.get(path)).status_code == 200, path
        started = await api.client.post("/batch/execute", json=BATCH)
        assert started.status_code == 200, started.text
        await api.temporal.get_workflow_handle(started.json()["data"]["batch_id"]).terminate()
        made = await api.client.post("/rollback/checkpoints", json={"name": "afterwards"})
        assert made.status_code == 200, made.text
