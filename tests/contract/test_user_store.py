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


async def test_all_users_are_listed_by_name(connection: Connection) -> None:
    users = MongoUserStore(connection)
    for name in ("eve", "ada", "bob"):
        await users.add(user(name))
    assert [known.username for known in await users.all()] == ["ada", "bob", "eve"]


async def test_a_change_is_written_over_what_it_was_made_from_alone(connection: Connection) -> None:
    users = MongoUserStore(connection)
    ada = user()
    await users.add(ada)
    assert await users.replace(ada.model_copy(update={"disabled": True}))
    assert not await users.replace(ada.model_copy(update={"email": "late@example.org"}))
    kept = await users.by_id(ada.id)
    assert kept == ada.model_copy(update={"disabled": True, "revision": 1})
    assert not await users.replace(user("somebody who is not there"))
    assert await users.count() == 1


async def test_of_many_changes_at_once_one_is_written(connect: Callable[[], Connection]) -> None:
    ada = user()
    assert await MongoUserStore(connect()).add(ada)
    changes = [ada.model_copy(update={"mfa_last_step": number}) for number in range(1, 9)]
    written = await asyncio.gather(*(MongoUserStore(connect()).replace(change) for change in changes))
    assert sorted(written) == [False] * 7 + [True]
    kept = await MongoUserStore(connect()).by_id(ada.id)
    assert kept is not None
    assert (kept.mfa_last_step, kept.revision) == (written.index(True) + 1, 1)


async def test_a_user_from_before_there_were_revisions_can_be_changed(
    connection: Connection, raw_database: pymongo.database.Database[dict[str, object]]
) -> None:
    users = MongoUserStore(connection)
    ada = user()
    await users.add(ada)
    later = {"revision", "token_version", "mfa_secret", "mfa_candidate", "mfa_last_step", "leaving_since"}
    raw_database["users"].update_one({"_id": ada.id}, {"$unset": dict.fromkeys(later, 1)})
    assert await users.by_name("ada") == ada
    assert await users.replace(ada.model_copy(update={"disabled": True}))
    assert not await users.replace(ada)
