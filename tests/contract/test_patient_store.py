"""Snapshots whose storage is away: the report goes on, they wait in MongoDB, and none is lost or doubled."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pymongo.database
import pytest

from activities.mongo.connection import Connection
from activities.mongo.snapshot_outbox import MongoSnapshotOutbox
from activities.ports import WaitingSnapshots
from activities.snapshots import patient
from activities.snapshots.filesystem import FilesystemSnapshots
from activities.snapshots.patient import PatientStore
from activities.snapshots.registry import SnapshotRegistry
from activities.snapshots.surrealdb.store import SurrealSnapshots
from tests.contract.test_records import Kept, report_on
from tests.contract.test_snapshot_store import snapshot
from tests.support.mongodb import EmbeddedMongo
from tests.support.samples import batch
from tests.support.stack import eventually
from tests.support.surrealdb import EmbeddedSurreal
from workflows.domain import projections
from workflows.domain.errors import Unavailable


@dataclass(frozen=True)
class Parts:
    server: EmbeddedSurreal
    inner: SurrealSnapshots
    outbox: MongoSnapshotOutbox
    store: PatientStore

    async def waiting(self, owner: str) -> list[str]:
        return [one.number for one in await self.outbox.of("surrealdb", owner)]


@pytest.fixture
async def parts(connection: Connection, mortal_surrealdb: EmbeddedSurreal) -> AsyncIterator[Parts]:
    inner = SurrealSnapshots(mortal_surrealdb.settings)
    outbox = MongoSnapshotOutbox(connection)
    yield Parts(mortal_surrealdb, inner, outbox, PatientStore("surrealdb", inner, outbox))
    await inner.close()


async def test_what_waited_is_found_before_and_after_it_is_delivered(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(patient, "PATIENCE", 60.0)  # it is there, however long its first answer takes
        await parts.store.save("batch", "w-1", [snapshot(1)])
    await asyncio.to_thread(parts.server.kill)
    await parts.store.save("batch", "w-2", [snapshot(2), snapshot(1, "other")])
    await parts.store.save("batch", "w-2", [snapshot(2), snapshot(1, "other")])
    await parts.store.save("another", "w-1", [snapshot(9)])
    with pytest.raises(Unavailable):
        await parts.store.load("batch", "task")
    with pytest.raises(Unavailable):
        await parts.store.deliver()
    assert await parts.waiting("batch") == ["w-2"]

    await asyncio.to_thread(parts.server.start)
    await parts.store.save("batch", "w-3", [snapshot(3)])
    assert await parts.store.load("batch", "task") == [snapshot(1), snapshot(2), snapshot(3)]
    await parts.store.deliver()
    assert await parts.waiting("batch") == await parts.waiting("another") == []
    assert await parts.inner.load("batch", "task") == [snapshot(1), snapshot(2), snapshot(3)]
    assert await parts.store.load("batch", "other") == [snapshot(1, "other")]
    assert await parts.store.load("another", "task") == [snapshot(9)]


async def test_a_storage_that_hangs_costs_its_patience_alone(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    await parts.store.check()
    monkeypatch.setattr(patient, "PATIENCE", 0.2)
    parts.server.pause()
    await parts.store.save("batch", "w-1", [snapshot(1)])
    assert await parts.waiting("batch") == ["w-1"]
    await parts.server.restart_after_kill()
    await parts.store.deliver()
    assert await parts.inner.load("batch", "task") == [snapshot(1)]


async def test_an_end_between_the_delivery_and_the_forgetting_doubles_nothing(parts: Parts) -> None:
    report = WaitingSnapshots(
        storage_backend="surrealdb", owner="batch", number="w-1", snapshots=(snapshot(1), snapshot(2))
    )
    await parts.outbox.add(report)

    async def take_and_end(waiting: WaitingSnapshots) -> None:
        await parts.inner.save(waiting.owner, waiting.number, waiting.snapshots)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await parts.outbox.deliver("surrealdb", take_and_end)
    assert await parts.waiting("batch") == ["w-1"]
    assert await parts.store.load("batch", "task") == [snapshot(1), snapshot(2)]
    await parts.store.deliver()
    assert await parts.waiting("batch") == []
    assert await parts.store.load("batch", "task") == [snapshot(1), snapshot(2)]


async def test_workers_deliver_by_themselves_and_at_the_same_time(
    parts: Parts, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patient, "DELIVER_EVERY", 0.05)
    for number in range(30):
        await parts.outbox.add(
            WaitingSnapshots(
                storage_backend="surrealdb", owner="b", number=f"w-{number}", snapshots=(snapshot(number),)
            )
        )
    workers = [SnapshotRegistry({"surrealdb": parts.inner}, MongoSnapshotOutbox(connection)) for _ in "12"]

    async def nothing_waits() -> bool:
        return await parts.waiting("b") == []

    async with workers[0].delivering(), workers[1].delivering():
        await eventually(nothing_waits)
    assert len(await parts.inner.load("b", "task")) == 30


async def test_one_malformed_document_holds_no_other_up(
    parts: Parts,
    raw_database: pymongo.database.Database[dict[str, object]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    for number in ("w-1", "w-2"):
        await parts.outbox.add(
            WaitingSnapshots(
                storage_backend="surrealdb", owner="batch", number=number, snapshots=(snapshot(1),)
            )
        )
    raw_database["snapshot_outbox"].update_one({"_id": "surrealdb:batch:w-1"}, {"$set": {"json": "{"}})
    await parts.store.deliver()
    assert await parts.inner.load("batch", "task") == [snapshot(1)]
    assert "collection snapshot_outbox, _id 'surrealdb:batch:w-1'" in caplog.text


async def test_it_cannot_wait_without_mongodb_either(mortal_mongodb: EmbeddedMongo, tmp_path: Path) -> None:
    connection = Connection(mortal_mongodb.uri, "test")
    (tmp_path / "snapshots").write_text("a file where the folder should be")
    files = FilesystemSnapshots(tmp_path / "snapshots")
    store = PatientStore("filesystem", files, MongoSnapshotOutbox(connection))
    await store.save("batch", "w-1", [snapshot(1)])
    mortal_mongodb.kill()
    with pytest.raises(Unavailable):
        await store.save("batch", "w-2", [snapshot(2)])
    mortal_mongodb.start()
    (tmp_path / "snapshots").unlink()
    await store.save("batch", "w-2", [snapshot(2)])
    await store.deliver()
    assert await files.load("batch", "task") == [snapshot(1), snapshot(2)]
    connection.close()


async def test_a_report_is_written_whole_without_its_storage(
    connect: Callable[[], Connection], parts: Parts, tmp_path: Path
) -> None:
    await asyncio.to_thread(parts.server.kill)
    kept, spec = Kept(connect(), tmp_path, {"surrealdb": parts.inner}), batch()
    report = report_on(spec).model_copy(update={"storage_backend": "surrealdb"})
    await kept.records.accept_batch(spec)
    await kept.records.write_report(report)
    found = await kept.everything(spec)
    assert found["ledger"] == list(report.effects)
    assert [task.status.value for task in found["tasks"]] == ["Completed", "Running", "Pending"]
    assert [event for _, event in found["events"]] == list(projections.events(report))
    await asyncio.to_thread(parts.server.start)
    stored = await kept.storages.get("surrealdb").load(spec.batch_id, spec.batch_id)
    assert stored == [s for s in projections.snapshots(report) if s.workflow_id == spec.batch_id]
