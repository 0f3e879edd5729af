"""Login attempts: as many places as the limit says, over all processes, and each for its time."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pymongo
import pytest

from activities.login_ports import LoginAttemptStore
from activities.mongo.connection import Connection
from activities.mongo.login_attempts import MongoLoginAttempts
from tests.support.attempts import MemoryAttempts

Database = pymongo.database.Database[dict[str, object]]

NOON = datetime(2100, 1, 2, 12, tzinfo=UTC)
"""To come, or the database might forget attempts while a test looks at them."""
WINDOW = timedelta(seconds=60)
LIMIT = 3


@pytest.fixture(params=["mongodb", "memory"])
def store(request: pytest.FixtureRequest, connection: Connection) -> LoginAttemptStore:
    return MongoLoginAttempts(connection) if request.param == "mongodb" else MemoryAttempts()


async def reserve(store: LoginAttemptStore, name: str, seconds: float = 0, key: str = "k") -> datetime | None:
    return await store.reserve(key, name, NOON + timedelta(seconds=seconds), WINDOW, LIMIT)


async def test_there_are_as_many_places_as_the_limit_says(store: LoginAttemptStore) -> None:
    for number in range(LIMIT):
        assert await reserve(store, str(number), seconds=number) is None
    assert await reserve(store, "one too many", seconds=10) == NOON
    assert await reserve(store, "elsewhere", seconds=10, key="another") is None


async def test_a_place_is_free_again_after_the_window(store: LoginAttemptStore) -> None:
    for number in range(LIMIT):
        assert await reserve(store, str(number), seconds=20 * number) is None
    assert await reserve(store, "a", seconds=59) == NOON
    assert await reserve(store, "b", seconds=60) is None
    assert await reserve(store, "c", seconds=61) == NOON + timedelta(seconds=20)


async def test_what_was_refused_takes_no_place(store: LoginAttemptStore) -> None:
    for number in range(2 * LIMIT):
        await reserve(store, str(number), seconds=number)
    for number in range(LIMIT):
        assert await reserve(store, f"later {number}", seconds=70) is None


async def test_a_withdrawn_attempt_frees_its_own_place(store: LoginAttemptStore) -> None:
    for number in range(LIMIT):
        await reserve(store, str(number), seconds=number)
    await store.withdraw("k", "1")
    await store.withdraw("k", "1")
    await store.withdraw("k", "never there")
    await store.withdraw("nothing there", "1")
    assert await reserve(store, "a", seconds=5) is None
    assert await reserve(store, "b", seconds=5) == NOON


async def test_parallel_attempts_of_many_processes_cannot_pass_together(
    connect: Callable[[], Connection],
) -> None:
    stores = [MongoLoginAttempts(connect()) for _ in range(4)]
    answers = await asyncio.gather(*(reserve(stores[number % 4], str(number)) for number in range(60)))
    assert answers.count(None) == LIMIT


@pytest.mark.parametrize(
    "spoilt",
    [
        {"attempts": {"spoilt": True}},
        {"attempts": "spoilt"},
        {"attempts": [1, 2, 3]},
        {"attempts": [{"at": "noon"}] * LIMIT},
        {},
    ],
    ids=["object", "text", "numbers", "times", "empty"],
)
async def test_a_spoilt_document_locks_nobody_out(
    connection: Connection,
    raw_database: Database,
    caplog: pytest.LogCaptureFixture,
    spoilt: dict[str, object],
) -> None:
    raw_database["login_attempts"].insert_one({"_id": "k", "expires": "never", **spoilt})
    store = MongoLoginAttempts(connection)
    with caplog.at_level(logging.ERROR):
        for number in range(LIMIT):
            assert await reserve(store, str(number)) is None
    assert await reserve(store, "one too many") is not None
    assert not spoilt or "collection login_attempts, _id 'k'" in caplog.text


async def test_the_database_forgets_a_key_once_its_attempts_are_too_old(
    connection: Connection, raw_database: Database
) -> None:
    store = MongoLoginAttempts(connection)
    await reserve(store, "a")
    await reserve(store, "b", seconds=30)
    (document,) = raw_database["login_attempts"].find({})
    (index,) = (i for i in raw_database["login_attempts"].list_indexes() if "expireAfterSeconds" in i)
    assert (list(index["key"]), index["expireAfterSeconds"]) == (["expires"], 0)
    assert document["expires"] == (NOON + timedelta(seconds=90)).replace(tzinfo=None)
