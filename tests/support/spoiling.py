"""A database with something in every collection, and how a slip of the hand spoils a document of it."""

import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pymongo
import pytest
from temporalio.client import Client

from activities.mongo.connection import Connection
from activities.mongo.snapshot_outbox import MongoSnapshotOutbox
from activities.mongo.stores import Stores
from activities.monitoring_ports import WorkerProcess
from activities.ports import WaitingSnapshots
from activities.settings import Settings
from tests.support import samples
from tests.support.api import Api, api_settings, running_api
from tests.support.mongodb import EmbeddedMongo
from workflows.domain.events import Event, EventType
from workflows.domain.records import StateSnapshot
from workflows.domain.rollbacks import PlanPart

Database = pymongo.database.Database[dict[str, Any]]

KEPT = {
    *("_id", "position", "exists", "infra", "server", "batch_id", "number", "username"),
    *("task_queue", "owner", "storage_backend", "plan_id"),
}
"""What documents are looked up by; with another value they would be others, and not spoilt ones."""

COLLECTIONS = {
    *("batches", "tasks", "ledger", "inventory", "markers", "events", "users", "snapshot_outbox"),
    *("checkpoints", "checkpoint_pieces", "rollback_plans", "idempotency", "workers", "login_attempts"),
    *("revoked_tokens", "probes", "audit"),
}
"""All that the service has."""

KEYS = ("key-1", "key-2")
"""Idempotency keys with which the checkpoints were made."""

PLANS = ("plan-1", "plan-2")
WORKERS = ("worker-1", "worker-2")
EFFECTS = (str(uuid4()), str(uuid4()))
GUESSED = "guessed"
"""A user as whom somebody tried to log in."""

_EVENTS = 3


@dataclass(frozen=True)
class Filled:
    """A database with two of everything, and one more user than the admin."""

    settings: Settings
    temporal: Client
    database: Database
    batches: tuple[str, str]
    checkpoints: tuple[str, str]
    given_up: str
    """A token that was exchanged for another."""

    def ids(self, collection: str) -> list[str]:
        return sorted(document["_id"] for document in self.database[collection].find({}, {"_id": 1}))

    def user(self) -> str:
        """The id of one who is not the admin."""
        other = self.database["users"].find_one({"username": {"$ne": "admin"}})
        assert other is not None
        return str(other["_id"])


@pytest.fixture
async def filled(mongodb: EmbeddedMongo, temporal: Client, tmp_path: Path) -> AsyncIterator[Filled]:
    settings = api_settings(tmp_path, mongodb, temporal)
    async with running_api(settings, temporal) as api:
        stores = api.services.stores
        batches = (samples.batch(2), samples.batch(2, later=1))
        for batch in batches:
            await stores.read_model.accept(batch)
        await _change_the_world(stores)
        await _work(settings, stores, batches[0].batch_id)
        given_up = await _log_in_and_out(api)
        checkpoints = [await _checkpoint(api, key) for key in KEYS]
        await stores.check()
    with pymongo.MongoClient[dict[str, Any]](mongodb.uri) as client:
        database = client[settings.mongodb_database]
        first, second = checkpoints
        names = (batches[0].batch_id, batches[1].batch_id)
        yield Filled(settings, temporal, database, names, (first, second), given_up)


async def _change_the_world(stores: Stores) -> None:
    first, second = samples.server("web-01"), samples.server("web-02")
    await stores.ledger.append([samples.created(first, task_id=str(uuid4()), id=EFFECTS[0])])
    await stores.ledger.append([samples.created(second, task_id=str(uuid4()), id=EFFECTS[1])])
    await stores.inventory.catch_up()
    await stores.event_log.append(
        [
            Event(id=f"event-{n}", event_type=EventType.LOG_ENTRY, timestamp=samples.NOON, data={"line": "x"})
            for n in range(_EVENTS)
        ]
    )


async def _work(settings: Settings, stores: Stores, batch_id: str) -> None:
    """What workers leave behind."""
    for plan in PLANS:
        await stores.rollbacks.keep_plan(plan, [PlanPart(steps=())])
    for pid, worker in enumerate(WORKERS, 1):
        process = WorkerProcess(
            id=worker, host="h", pid=pid, task_queue=settings.task_queue, started_at=samples.NOON
        )
        await stores.workers.beat(process)
    connection = Connection(settings.mongodb_target, settings.mongodb_database)
    try:
        outbox = MongoSnapshotOutbox(connection)
        for number in (1, 2):
            await outbox.add(_waiting(batch_id, number))
    finally:
        connection.close()


def _waiting(batch_id: str, number: int) -> WaitingSnapshots:
    """For a storage that is away, so that nobody delivers it."""
    snapshot = StateSnapshot(
        snapshot_id=f"snapshot-{number}",
        workflow_id=batch_id,
        sequence=number,
        timestamp=samples.NOON,
        state="Running",
    )
    return WaitingSnapshots(
        storage_backend="surrealdb", owner=batch_id, number=str(number), snapshots=(snapshot,)
    )


async def _log_in_and_out(api: Api) -> str:
    """Leaves a guess, and a token that was given up."""
    guess = {"username": GUESSED, "password": "wrong"}
    assert (await api.client.post("/auth/login", json=guess)).status_code == 401
    token = await api.token((await api.user("viewer")).username)
    headers = {"Authorization": f"Bearer {token}"}
    refreshed = await api.client.post("/auth/refresh", json={"token": token}, headers=headers)
    assert refreshed.status_code == 200, refreshed.text
    return token


async def _checkpoint(api: Api, key: str) -> str:
    headers = {"Idempotency-Key": key}
    answer = await api.client.post("/rollback/checkpoints", json={"name": key}, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"])


def spoil(database: Database, collection: str, identity: str) -> None:
    """Gives every field another type, as a slip of the hand in a shell might."""
    document = database[collection].find_one({"_id": identity})
    assert document is not None
    changes = {name: _another(value) for name, value in document.items() if name not in KEPT}
    database[collection].update_one({"_id": identity}, {"$set": changes})


def _another(value: object) -> object:
    return {"spoilt": True} if not isinstance(value, dict) else "spoilt"


@pytest.fixture
def complaints(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.ERROR):
        yield caplog


def named(complaints: pytest.LogCaptureFixture, collection: str, identity: str) -> bool:
    wanted = f"collection {collection}, _id {identity!r}"
    return any(wanted in record.getMessage() for record in complaints.records)
