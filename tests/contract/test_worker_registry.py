"""Which workers live, as they say themselves, and what is left of those that cannot say that they went."""

import asyncio
import os
import socket
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pymongo
import pytest

from activities.mongo.connection import Connection
from activities.mongo.workers import FORGOTTEN_AFTER, MongoWorkerRegistry
from activities.monitoring_ports import WorkerProcess
from activities.presence import presence
from tests.support.mongodb import EmbeddedMongo
from tests.support.samples import NOON
from tests.support.stack import eventually

Raw = pymongo.database.Database[dict[str, Any]]


def worker(task_queue: str = "queue", host: str = "elsewhere", pid: int = 1) -> WorkerProcess:
    return WorkerProcess(id=str(uuid4()), host=host, pid=pid, task_queue=task_queue, started_at=NOON)


async def ids(registry: MongoWorkerRegistry, task_queue: str = "queue") -> set[str]:
    return {sighting.worker.id for sighting in await registry.workers(task_queue)}


def grow_older(raw: Raw, identity: str, by: timedelta) -> None:
    row = raw["workers"].find_one({"_id": identity})
    assert row is not None
    raw["workers"].update_one({"_id": identity}, {"$set": {"beat_at": row["beat_at"] - by}})


async def test_a_worker_is_seen_until_it_leaves(connection: Connection) -> None:
    registry = MongoWorkerRegistry(connection)
    ours, other = worker(), worker("another queue")
    await registry.beat(ours)
    await registry.beat(other)
    (sighting,) = await registry.workers("queue")
    assert sighting.worker == ours
    await registry.leave(ours.id)
    await registry.leave(ours.id)
    assert await registry.workers("queue") == []
    assert await ids(registry, "another queue") == {other.id}


async def test_silence_is_told_by_the_clock_of_the_server(connection: Connection, raw_database: Raw) -> None:
    registry = MongoWorkerRegistry(connection)
    silent = worker()
    await registry.beat(silent)
    grow_older(raw_database, silent.id, timedelta(seconds=40))
    (sighting,) = await registry.workers("queue")
    assert sighting.silent_for >= 40
    await registry.beat(silent)
    (sighting,) = await registry.workers("queue")
    assert sighting.silent_for < 40


async def test_who_is_silent_for_long_is_forgotten_and_may_come_back(
    connection: Connection, raw_database: Raw
) -> None:
    registry = MongoWorkerRegistry(connection)
    late = worker()
    await registry.beat(late)
    grow_older(raw_database, late.id, FORGOTTEN_AFTER)
    assert await ids(registry) == set()
    raw_database["workers"].delete_one({"_id": late.id})  # as the server does in its own time
    await registry.beat(late)
    assert await ids(registry) == {late.id}
    expiry = [i.get("expireAfterSeconds") for i in raw_database["workers"].list_indexes()]
    assert FORGOTTEN_AFTER.total_seconds() in expiry


async def test_a_malformed_row_costs_itself_alone(
    connection: Connection, raw_database: Raw, caplog: pytest.LogCaptureFixture
) -> None:
    registry = MongoWorkerRegistry(connection)
    good, bad, worse = worker(), worker(), worker()
    for one in (good, bad, worse):
        await registry.beat(one)
    raw_database["workers"].update_one({"_id": bad.id}, {"$set": {"beat_at": "soon"}})
    raw_database["workers"].update_one({"_id": worse.id}, {"$set": {"pid": {"spoilt": True}}})
    assert await ids(registry) == {good.id}
    assert bad.id in caplog.text and worse.id in caplog.text


async def test_presence_beats_and_leaves(
    connection: Connection, raw_database: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.presence.LAST_WORD", 60.0)  # it may fall silent instead of leaving
    registry = MongoWorkerRegistry(connection)

    def beats() -> Sequence[datetime]:
        return [row["beat_at"] for row in raw_database["workers"].find({"task_queue": "queue"})]

    async with presence(registry, "queue", every=0.05):
        await eventually(lambda: len(beats()) == 1)
        first = beats()[0]
        await eventually(lambda: beats()[0] > first)
        (sighting,) = await registry.workers("queue")
        assert (sighting.worker.host, sighting.worker.pid) == (socket.gethostname(), os.getpid())
        raw_database["workers"].delete_many({})
        await eventually(lambda: len(beats()) == 1)
    assert beats() == []


async def test_a_successor_strikes_out_the_dead_of_its_machine_and_nobody_else(
    connection: Connection,
) -> None:
    registry = MongoWorkerRegistry(connection)
    ended = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await ended.wait()
    here = socket.gethostname()
    dead, living = worker(host=here, pid=ended.pid), worker(host=here, pid=os.getppid())
    elsewhere = worker(host="elsewhere", pid=ended.pid)
    for one in (dead, living, elsewhere):
        await registry.beat(one)
    async with presence(registry, "queue"):

        async def struck_out() -> bool:
            return dead.id not in await ids(registry)

        await eventually(struck_out)
        assert await ids(registry) >= {living.id, elsewhere.id}
        assert len(await ids(registry)) == 3


async def test_a_worker_works_whether_or_not_it_can_say_so(
    mortal_mongodb: EmbeddedMongo, database_name: str
) -> None:
    mortal_mongodb.kill()
    connection = Connection(mortal_mongodb.uri, database_name)
    registry = MongoWorkerRegistry(connection)
    try:
        async with presence(registry, "queue"):
            mortal_mongodb.start()

            async def seen() -> bool:
                return len(await ids(registry)) == 1

            await eventually(seen)
            mortal_mongodb.kill()
    finally:
        connection.close()
