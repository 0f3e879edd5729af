"""Users: a name belongs to one."""

import asyncio
from collections.abc import Callable
from uuid import uuid4

import pymongo

from activities.mongo.connection import Connection
from activities.mongo.users import MongoUserStore
from activities.ports import User
from tests.support.samples import NOON


def user(name: str = "ada") -> User:
    return User(
        id=str(uuid4()),
        username=name,
        email=f"{name}@example.org",
        password_hash="$argon2id$...",
        roles=("admin", "viewer"),
        created_at=NOON,
    )


async def test_a_user_is_found_by_name_and_by_id(connection: Connection) -> None:
    users = MongoUserStore(connection)
    assert await users.count() == 0
    ada = user()
    assert await users.add(ada)
    assert await users.by_name("ada") == ada
    assert await users.by_id(ada.id) == ada
    assert await users.by_name("ADA") is None
    assert await users.by_id("nobody") is None
    assert await users.count() == 1


async def test_a_taken_name_stays_with_its_user(connection: Connection) -> None:
    users = MongoUserStore(connection)
    ada = user()
    assert await users.add(ada)
    assert not await users.add(user("ada"))
    assert not await users.add(ada.model_copy(update={"username": "eve"}))
    assert await users.add(ada), "the same user once more, as after a lost answer"
    assert await users.by_name("ada") == ada
    assert await users.count() == 1


async def test_of_many_at_once_one_gets_the_name(connect: Callable[[], Connection]) -> None:
    answers = await asyncio.gather(*(MongoUserStore(connect()).add(user()) for _ in range(8)))
    assert sorted(answers) == [False] * 7 + [True]


async def test_a_malformed_user_locks_nobody_else_out(
    connection: Connection, raw_database: pymongo.database.Database[dict[str, object]]
) -> None:
    users = MongoUserStore(connection)
    ada, eve = user("ada"), user("eve")
    await users.add(ada)
    await users.add(eve)
    raw_database["users"].update_one({"_id": eve.id}, {"$unset": {"password_hash": 1}})
    assert await users.by_name("eve") is None
    assert await users.by_name("ada") == ada
