"""Several who see the same change announce it once, and the database is tried for real."""

import asyncio
from collections.abc import Callable
from typing import Any

import pymongo
import pytest

from activities.mongo.announcements import MongoAnnouncements
from activities.mongo.connection import Connection
from activities.mongo.probe import Probe
from tests.support.mongodb import EmbeddedMongo
from workflows.domain.errors import Unavailable

Raw = pymongo.database.Database[dict[str, Any]]


async def test_one_of_many_gets_the_number(connect: Callable[[], Connection]) -> None:
    sides = [MongoAnnouncements(connect(), "health") for _ in range(8)]
    before = None
    for text in ("bad", "good", "bad"):
        won = [a for a in await asyncio.gather(*(s.claim(before, text) for s in sides)) if a is not None]
        assert len(won) == 1
        assert won[0].text == text
        assert before is None or won[0].number == before.number + 1
        before = won[0]
        assert {await side.last() for side in sides} == {before}


async def test_an_announcement_that_cannot_be_read_is_replaced(
    connection: Connection, raw_database: Raw, caplog: pytest.LogCaptureFixture
) -> None:
    announcements = MongoAnnouncements(connection, "health")
    before = await announcements.claim(None, "good")
    raw_database["markers"].update_one({"_id": "health"}, {"$set": {"number": "spoilt"}})
    assert await announcements.last() is None
    assert "collection markers, _id 'health'" in caplog.text
    after = await announcements.claim(None, "bad")
    assert before is not None and after is not None
    assert after.number >= before.number
    assert await announcements.last() == after


async def test_what_is_written_is_read(connection: Connection, raw_database: Raw) -> None:
    first, second = Probe(connection), Probe(connection)
    for _ in range(2):
        await asyncio.gather(first.write_and_read(), second.write_and_read())
    assert raw_database["probes"].count_documents({}) == 2


async def test_a_database_that_is_away_keeps_nothing(mortal_mongodb: EmbeddedMongo) -> None:
    connection = Connection(mortal_mongodb.uri, "any")
    await Probe(connection).write_and_read()
    mortal_mongodb.kill()
    with pytest.raises(Unavailable):
        await Probe(connection).write_and_read()
    connection.close()
