"""The audit log: newest first within a span of time, by user and path, and forgotten after its time."""

import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pymongo
import pytest

from activities.audit_ports import AuditEntry
from activities.mongo.audit import MongoAuditLog
from activities.mongo.connection import Connection
from activities.mongo.users import MongoUserStore
from activities.ports import User
from api.audit import Audit, Trail
from deploy.local.ports import free_port
from workflows.domain.errors import Unavailable

Database = pymongo.database.Database[dict[str, object]]

NOON = datetime(2100, 1, 2, 12, tzinfo=UTC)
"""To come, or the database might forget entries while a test looks at them."""
KEPT = timedelta(days=30)


@pytest.fixture
def entries(connection: Connection) -> MongoAuditLog:
    return MongoAuditLog(connection, KEPT)


def entry(number: int, username: str | None = "anna", path: str = "/batch/execute") -> AuditEntry:
    return AuditEntry(
        id=f"id-{number}",
        at=NOON + timedelta(seconds=number, microseconds=number),
        username=username,
        roles=("operator",),
        address="192.0.2.7",
        method="POST",
        path=path,
        resources={"batch_id": str(number)},
        request_id=f"request-{number}",
    )


async def names(log: MongoAuditLog, since: int = 0, until: int = 100, **more: str) -> list[str]:
    first, last = (NOON + timedelta(seconds=seconds) for seconds in (since, until))
    page = await log.page(since=first, until=last, **more, limit=100, offset=0)
    assert page.total == len(page.items)
    return [found.id for found in page.items]


async def test_what_was_kept_comes_back_newest_first_and_in_parts(entries: MongoAuditLog) -> None:
    for number in (2, 0, 3, 1):
        await entries.keep(entry(number))
    assert await names(entries) == ["id-3", "id-2", "id-1", "id-0"]
    assert await names(entries, since=1, until=3) == ["id-2", "id-1"]
    page = await entries.page(since=NOON, until=NOON + timedelta(days=1), limit=2, offset=1)
    assert (page.items, page.total) == ([entry(2), entry(1)], 4)


async def test_entries_of_one_user_or_path(entries: MongoAuditLog) -> None:
    for number, (username, path) in enumerate([("anna", "/a"), ("ben", "/a"), (None, "/a"), ("anna", "/b")]):
        await entries.keep(entry(number, username, path))
    assert await names(entries, username="anna") == ["id-3", "id-0"]
    assert await names(entries, path="/a") == ["id-2", "id-1", "id-0"]
    assert await names(entries, username="anna", path="/b") == ["id-3"]
    assert await names(entries, username="nobody") == []


async def test_an_outcome_is_added_to_its_entry(entries: MongoAuditLog) -> None:
    await entries.keep(entry(1))
    settled = entry(1).model_copy(update={"status": 200})
    await entries.keep(settled)
    page = await entries.page(since=NOON, until=NOON + timedelta(days=1), limit=10, offset=0)
    assert page.items == [settled]


async def test_the_database_forgets_it_after_its_time(entries: MongoAuditLog, raw_database: Database) -> None:
    await entries.keep(entry(0))
    (document,) = raw_database["audit"].find({})
    (index,) = (i for i in raw_database["audit"].list_indexes() if "expireAfterSeconds" in i)
    assert (list(index["key"]), index["expireAfterSeconds"]) == (["expires"], 0)
    assert document["expires"] == (NOON + KEPT).replace(tzinfo=None)


async def test_a_spoilt_document_is_left_out(entries: MongoAuditLog, raw_database: Database) -> None:
    await entries.keep(entry(1))
    at = NOON.replace(tzinfo=None)
    raw_database["audit"].insert_many([{"_id": "x", "at": at, "json": "{"}, {"_id": 7, "at": at}])
    first = await entries.page(since=NOON, until=NOON + timedelta(days=1), limit=10, offset=0)
    assert first.items == [entry(1)]


async def test_without_the_database_nothing_is_begun_and_no_outcome_is_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    nowhere = Connection(f"mongodb://127.0.0.1:{free_port()}/?serverSelectionTimeoutMS=50", "nowhere")
    try:
        audit = Audit(MongoAuditLog(nowhere, KEPT), MongoUserStore(nowhere))
        trail = Trail(address="192.0.2.7", route="POST /batch/operations/{batchId}/cancel")
        trail.about("batchId", "the batch")
        with pytest.raises(Unavailable):
            await audit.begin(trail)
        trail.begun = True  # as if the database had gone only now
        with caplog.at_level(logging.ERROR):
            await audit.finish(trail, 200)
        (line,) = caplog.messages
        assert '"batchId":"the batch"' in line and '"status":200' in line and trail.id in line
    finally:
        nowhere.close()


async def test_strangers_fill_no_database_and_hide_nobody(
    entries: MongoAuditLog,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    minute = 1
    monkeypatch.setattr("api.audit.time", SimpleNamespace(monotonic=lambda: minute * 60.0 + 1))
    audit = Audit(entries, MongoUserStore(connection), strangers=3)
    user = User(id="u", username="known", email="k@x.y", password_hash="", roles=("viewer",), created_at=NOON)

    def refused(known: User | None = None) -> Trail:
        return Trail(address="192.0.2.7", at=NOON, route="POST /batch/execute", user=known)

    async def written() -> list[str | None]:
        page = await entries.page(since=NOON, until=NOON + timedelta(days=1), limit=100, offset=0)
        return [one.username for one in page.items]

    for _ in range(10):
        await audit.finish(refused(), 401)
        await audit.finish(refused(user), 429)
    assert len(await written()) == 3
    assert len([line for line in caplog.messages if "more than 3 requests refused" in line]) == 1
    await audit.finish(refused(user), 403)
    begun = refused(user)
    await audit.begin(begun)
    await audit.finish(begun, 429)
    assert (await written()).count("known") == 3
    assert len(await written()) == 5
    minute += 1
    await audit.finish(refused(), 401)
    assert len(await written()) == 6
