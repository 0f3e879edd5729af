"""Revoked tokens: each is revoked once, for all, and forgotten when it would have expired anyway."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pymongo

from activities.mongo.connection import Connection
from activities.mongo.revoked_tokens import MongoRevokedTokens

Database = pymongo.database.Database[dict[str, object]]


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


async def test_a_token_is_revoked_once_and_everybody_knows(connect: Callable[[], Connection]) -> None:
    here, elsewhere = MongoRevokedTokens(connect()), MongoRevokedTokens(connect())
    assert not await elsewhere.is_revoked("a")
    assert await here.revoke("a", soon())
    assert await elsewhere.is_revoked("a")
    assert not await elsewhere.revoke("a", soon())
    assert not await here.is_revoked("b")


async def test_of_many_at_once_exactly_one_succeeds(connect: Callable[[], Connection]) -> None:
    stores = [MongoRevokedTokens(connect()) for _ in range(8)]
    answers = await asyncio.gather(*(store.revoke("a", soon()) for store in stores))
    assert sorted(answers) == [False] * 7 + [True]


async def test_the_database_forgets_it_at_its_expiry_and_not_before(
    connection: Connection, raw_database: Database
) -> None:
    expires = soon().replace(microsecond=0)
    await MongoRevokedTokens(connection).revoke("a", expires)
    (document,) = raw_database["revoked_tokens"].find({})
    (index,) = (i for i in raw_database["revoked_tokens"].list_indexes() if "expireAfterSeconds" in i)
    assert list(index["key"]) == ["expires"]
    assert index["expireAfterSeconds"] >= 0
    assert document["expires"] == expires.replace(tzinfo=None)


async def test_a_spoilt_document_still_revokes(connection: Connection, raw_database: Database) -> None:
    raw_database["revoked_tokens"].insert_one({"_id": "a", "expires": {"spoilt": True}})
    assert await MongoRevokedTokens(connection).is_revoked("a")
