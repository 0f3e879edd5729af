"""All that the database keeps as a file: to another database and back, whole or not at all."""

import gzip
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pymongo
import pytest
from bson import Binary, Decimal128, Int64

from activities.mongo import dump
from activities.mongo.connection import Connection
from tests.support.mongodb import EmbeddedMongo

Raw = pymongo.database.Database[dict[str, object]]

DOCUMENTS: dict[str, list[dict[str, Any]]] = {
    "effects": [{"_id": 1, "json": '{"a.b": "ü$"}'}, {"_id": Int64(2), "json": "[" + "x" * 70_000}],
    "claims": [{"_id": "key", "at": datetime(2026, 1, 2, 3, 4, 5, 6000), "none": None}],
    "files": [{"_id": {"n": 1}, "data": Binary(b"\0\xff"), "cost": Decimal128("1.10"), "list": [1.5, True]}],
    "many": [{"_id": number, "half": number / 2} for number in range(1200)],
}


@pytest.fixture
def filled(raw_database: Raw) -> Raw:
    for name, documents in DOCUMENTS.items():
        raw_database[name].insert_many([dict(document) for document in documents])
    raw_database["workers"].insert_one({"_id": "one that lives", "beat_at": datetime.now(UTC)})
    return raw_database


@pytest.fixture
def elsewhere(mongodb: EmbeddedMongo, database_name: str) -> Iterator[Raw]:
    with pymongo.MongoClient[dict[str, object]](mongodb.uri) as client:
        yield client[f"{database_name}-elsewhere"]


@pytest.fixture
async def there(mongodb: EmbeddedMongo, elsewhere: Raw) -> AsyncIterator[Connection]:
    connection = Connection(mongodb.uri, elsewhere.name)
    yield connection
    connection.close()


def content(database: Raw) -> dict[str, list[dict[str, object]]]:
    return {
        name: sorted(database[name].find(), key=lambda document: str(document["_id"]))
        for name in database.list_collection_names()
        if database[name].find_one() is not None
    }


async def test_everything_comes_to_another_database(
    filled: Raw, connect: Callable[[], Connection], there: Connection, elsewhere: Raw, tmp_path: Path
) -> None:
    file = tmp_path / "dump"
    number = await dump.save(connect(), file)
    assert number == sum(map(len, DOCUMENTS.values()))
    assert file.stat().st_mode & 0o077 == 0
    assert await dump.load(there, file) == number
    before = content(filled)
    del before["workers"]
    assert content(elsewhere) == before


async def test_loading_goes_on_where_it_was_broken_off(
    filled: Raw, connect: Callable[[], Connection], there: Connection, elsewhere: Raw, tmp_path: Path
) -> None:
    file = tmp_path / "dump"
    await dump.save(connect(), file)
    await dump.load(there, file)
    # As one leaves it that dies half-way: some of it, and the mark.
    elsewhere["many"].delete_many({"_id": {"$gte": 600}})
    elsewhere["loading"].insert_one({"_id": dump._examined(file)[1]})
    await dump.load(there, file)
    assert len(content(elsewhere)["many"]) == len(DOCUMENTS["many"])
    assert "loading" not in content(elsewhere)


async def test_what_is_there_is_not_touched(
    filled: Raw, connect: Callable[[], Connection], there: Connection, elsewhere: Raw, tmp_path: Path
) -> None:
    file = tmp_path / "dump"
    await dump.save(connect(), file)
    elsewhere["users"].insert_one({"_id": "somebody"})
    with pytest.raises(dump.BadDump, match=r"the database is not empty: .* collection 'users'"):
        await dump.load(there, file)
    assert content(elsewhere) == {"users": [{"_id": "somebody"}]}


async def test_a_file_that_is_not_whole_is_refused(
    filled: Raw, connect: Callable[[], Connection], there: Connection, elsewhere: Raw, tmp_path: Path
) -> None:
    file = tmp_path / "dump"
    await dump.save(connect(), file)
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    for broken, why in {
        b"no gzip at all": "is no dump",
        gzip.compress(b'"something else"\n'): "is no dump",
        gzip.compress(b"".join(lines[:-1])): "is cut off",
        gzip.compress(b"".join(lines[:5] + lines[6:])): "is cut off",
        file.read_bytes()[:-20]: "is cut off",
    }.items():
        (tmp_path / "broken").write_bytes(broken)
        with pytest.raises(dump.BadDump, match=why):
            await dump.load(there, tmp_path / "broken")
    assert content(elsewhere) == {}
