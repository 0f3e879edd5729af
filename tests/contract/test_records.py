"""Reports: written in full, in spite of repetition and of ends in the middle."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.mongo.connection import Connection
from activities.mongo.event_log import MongoEventLog
from activities.mongo.inventory import MongoInventory
from activities.mongo.ledger import MongoLedger
from activities.mongo.read_model import MongoReadModel
from activities.mongo.snapshot_outbox import MongoSnapshotOutbox
from activities.ports import SnapshotStore
from activities.records import Records
from activities.snapshots.filesystem import FilesystemSnapshots
from activities.snapshots.registry import SnapshotRegistry
from tests.support.mongodb import EmbeddedMongo
from tests.support.samples import NOON, batch, created, deleted, installed, server, taskserv
from workflows.domain import projections
from workflows.domain.batches import BatchSpec, StorageBackend
from workflows.domain.errors import Unavailable
from workflows.domain.identity import task_id
from workflows.domain.progress import ProgressInfo
from workflows.domain.records import BatchUpdate, Report
from workflows.domain.states import BatchStatus, TaskStatus
from workflows.domain.task_updates import RUNNING_VERSION, TERMINAL_VERSION, TaskUpdate


class Kept:
    """All stores over one connection, and the activities over them."""

    def __init__(
        self,
        connection: Connection,
        folder: Path,
        storages: Mapping[StorageBackend, SnapshotStore] | None = None,
    ) -> None:
        self.ledger = MongoLedger(connection)
        self.inventory = MongoInventory(connection, self.ledger)
        self.read_model = MongoReadModel(connection)
        self.event_log = MongoEventLog(connection)
        self.snapshots = FilesystemSnapshots(folder)
        kept = {"filesystem": self.snapshots, **(storages or {})}
        self.storages = SnapshotRegistry(kept, MongoSnapshotOutbox(connection))
        self.records = Records(self.ledger, self.inventory, self.read_model, self.event_log, self.storages)

    async def everything(self, spec: BatchSpec) -> dict[str, Any]:
        page = await self.ledger.page(limit=1000, offset=0)
        return {
            "ledger": [entry.effect for entry in reversed(page.items)],
            "inventory": await self.inventory.servers(),
            "tasks": await self.read_model.tasks_of([spec.batch_id]),
            "batch": await self.read_model.batch(spec.batch_id),
            "events": await self.event_log.read(0, 1000),
            # Wherever they are: those that a busy disk does not take in time wait in the outbox.
            "snapshots": await self.storages.get("filesystem").load(spec.batch_id, spec.batch_id),
        }


def report_on(spec: BatchSpec, number: int = 1) -> Report:
    def update(operation: int, version: int, status: TaskStatus) -> TaskUpdate:
        return TaskUpdate(
            id=task_id(spec.batch_id, f"op-{operation}"),
            version=version,
            previous=TaskStatus.PENDING,
            status=status,
            at=NOON,
            name=f"op-{operation}",
            workflow_type="server_creation",
            batch_id=spec.batch_id,
        )

    web = server()
    return Report(
        owner=spec.batch_id,
        number=f"{spec.batch_id}-{number:09d}",
        tasks=(
            update(0, RUNNING_VERSION, TaskStatus.RUNNING),
            update(0, TERMINAL_VERSION, TaskStatus.COMPLETED),
            update(1, RUNNING_VERSION, TaskStatus.RUNNING),
        ),
        batch=BatchUpdate(
            id=spec.batch_id,
            version=number,
            status=BatchStatus.RUNNING,
            phase="running",
            at=NOON,
            progress=ProgressInfo(
                workflow_id=spec.batch_id, progress=33, current_step="x", total_steps=3, completed_steps=1
            ),
            counts={TaskStatus.COMPLETED: 1, TaskStatus.RUNNING: 1, TaskStatus.PENDING: 1},
        ),
        effects=(
            created(web, task_id=task_id(spec.batch_id, "op-0"), batch_id=spec.batch_id),
            installed(taskserv("redis", web)),
        ),
    )


async def test_a_report_is_found_in_every_store(connection: Connection, tmp_path: Path) -> None:
    kept, spec = Kept(connection, tmp_path), batch()
    report = report_on(spec)
    await kept.records.accept_batch(spec)
    await kept.records.write_report(report)
    found = await kept.everything(spec)
    assert found["ledger"] == list(report.effects)
    assert [item.server for item in found["inventory"]] == [server()]
    assert [task.status.value for task in found["tasks"]] == ["Completed", "Running", "Pending"]
    assert report.batch is not None
    assert found["batch"].progress == report.batch.progress
    assert [event for _, event in found["events"]] == list(projections.events(report))
    assert found["snapshots"] == [
        snapshot for snapshot in projections.snapshots(report) if snapshot.workflow_id == spec.batch_id
    ]


async def test_writing_it_again_changes_nothing(connection: Connection, tmp_path: Path) -> None:
    kept, spec = Kept(connection, tmp_path), batch()
    report = report_on(spec)
    await kept.records.accept_batch(spec)
    await kept.records.write_report(report)
    once = await kept.everything(spec)
    await kept.records.write_report(report)
    await kept.records.accept_batch(spec)
    assert await kept.everything(spec) == once


class Ending(Exception):
    """Stands for the process's end."""


PARTS = ["ledger", "inventory", "snapshots", "read_model", "event_log"]
METHODS = {"ledger": "append", "inventory": "catch_up", "snapshots": "save", "read_model": "apply"}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("part", PARTS)
async def test_a_report_that_was_half_written_is_completed(
    connect: Callable[[], Connection],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    after: bool,
) -> None:
    kept, spec = Kept(connect(), tmp_path), batch()
    report = report_on(spec)
    await kept.records.accept_batch(spec)
    method = METHODS.get(part, "append")
    real = getattr(getattr(kept, part), method)

    async def end(*arguments: Any) -> None:
        if after:
            await real(*arguments)
        raise Ending

    monkeypatch.setattr(getattr(kept, part), method, end)
    with pytest.raises(Ending):
        await kept.records.write_report(report)

    next_worker = Kept(connect(), tmp_path)
    await next_worker.records.write_report(report)
    found = await next_worker.everything(spec)
    assert found["ledger"] == list(report.effects)
    assert [event for _, event in found["events"]] == list(projections.events(report))
    assert [task.status.value for task in found["tasks"]] == ["Completed", "Running", "Pending"]
    assert len(found["snapshots"]) == 1
    assert len(found["inventory"]) == 1


async def test_open_effects_are_those_that_nothing_has_undone(connection: Connection, tmp_path: Path) -> None:
    kept = Kept(connection, tmp_path)
    first, second = created(server("a"), task_id="t"), created(server("b"), task_id="t")
    other = created(server("c"), task_id="another")
    undoing = deleted(server("a"), task_id="t", undoes=first.id)
    await kept.ledger.append([first, second, other, undoing])
    assert await kept.records.open_effects("t") == [second]
    assert await kept.records.open_effects("nobody") == []


async def test_an_outage_is_a_failure_that_is_worth_a_retry(
    mortal_mongodb: EmbeddedMongo, tmp_path: Path
) -> None:
    connection = Connection(mortal_mongodb.uri, "test")
    kept, spec = Kept(connection, tmp_path), batch()
    await kept.records.accept_batch(spec)
    mortal_mongodb.kill()
    with pytest.raises(ApplicationError) as failure:
        await kept.records.write_report(report_on(spec))
    assert failure.value.type == Unavailable.__name__
    assert not failure.value.non_retryable
    mortal_mongodb.start()
    await kept.records.write_report(report_on(spec))
    assert len(await kept.read_model.tasks_of([spec.batch_id])) == 3
    connection.close()
