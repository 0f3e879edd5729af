"""Every query is bounded by an index, and none has a shape for which the embedded server reads everything."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pymongo
import pytest
from pymongo import monitoring
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from activities.audit_ports import AuditEntry
from activities.mongo.stores import Stores
from activities.monitoring_ports import WorkerProcess
from activities.ports import LogLine, User
from activities.records import Records
from activities.settings import Settings
from tests.contract.test_records import report_on
from tests.support.mongodb import EmbeddedMongo, opened_stores
from tests.support.samples import NOON, batch
from workflows.domain.rollbacks import Checkpoint, PlanPart
from workflows.domain.states import BatchStatus, TaskStatus

HOUSEKEEPING = {"hello", "ping", "getMore", "endSessions", "createIndexes", "insert", "killCursors"}


class Recorder(CommandListener):
    """Keeps the commands of one database."""

    def __init__(self) -> None:
        self.database = ""
        self.commands: list[Mapping[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.database_name == self.database:
            self.commands.append(event.command)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


RECORDER = Recorder()
monitoring.register(RECORDER)  # there is no way to take it back; without a database's name it ignores all


@pytest.fixture
def recorder(database_name: str) -> Iterator[Recorder]:
    RECORDER.commands.clear()
    RECORDER.database = database_name
    yield RECORDER
    RECORDER.database = ""


def queries(command: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The collections and filters of a command."""
    name = next(iter(command))
    match name:
        case "find":
            return [(command["find"], command["filter"])]
        case "update":
            return [(command["update"], update["q"]) for update in command["updates"]]
        case "delete":
            return [(command["delete"], delete["q"]) for delete in command["deletes"]]
        case "aggregate":
            return [(command["aggregate"], command["pipeline"][0]["$match"])]
    assert name in HOUSEKEEPING, f"a {name} was not expected"
    return []


def keys_of(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from keys_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner)


async def use_the_users(stores: Stores) -> None:
    user = User(id="u", username="n", email="e", password_hash="h", roles=(), created_at=NOON)
    await stores.users.add(user)
    await stores.users.add(user)
    await stores.users.by_id("u")
    await stores.users.by_name("n")
    await stores.users.count()
    await stores.users.all()
    await stores.users.replace(user)
    for attempt in ("1", "2"):
        await stores.login_attempts.reserve("k", attempt, NOON, timedelta(seconds=60), limit=1)
    await stores.login_attempts.withdraw("k", "1")
    entry = AuditEntry(id="a", at=NOON, address="here", method="POST", path="/users", request_id="r")
    await stores.audit.keep(entry)
    for filters in ({}, {"username": "n"}, {"path": "/users"}, {"username": "n", "path": "/users"}):
        since, until = NOON - timedelta(days=1), NOON + timedelta(days=1)
        await stores.audit.page(since=since, until=until, **filters, limit=1, offset=0)
    await stores.revoked_tokens.revoke("t", NOON)
    await stores.revoked_tokens.is_revoked("t")


async def watch_over_it(stores: Stores) -> None:
    worker = WorkerProcess(id="w", host="h", pid=1, task_queue="queue", started_at=NOON)
    await stores.workers.beat(worker)
    await stores.workers.workers("queue")
    await stores.workers.leave("w")
    first = await stores.health_announcements.claim(None, "a")
    await stores.health_announcements.claim(first, "b")
    await stores.health_announcements.last()


async def use_everything(mongodb: EmbeddedMongo, database_name: str, folder: Path) -> None:
    settings = Settings.from_environment(
        {
            "PROVISIONING_STATE_DIR": str(folder),
            "PROVISIONING_MONGODB_URI": mongodb.uri,
            "PROVISIONING_MONGODB_DATABASE": database_name,
        }
    )
    async with opened_stores(settings) as stores:
        await use_all_of(stores)


async def use_all_of(stores: Stores) -> None:
    await stores.check()
    records = Records(stores.ledger, stores.inventory, stores.read_model, stores.event_log, stores.snapshots)
    spec = batch()
    await records.accept_batch(spec)
    for _ in range(2):
        await records.write_report(report_on(spec))
    await records.open_effects("task")
    for filters in (
        {},
        {"task_id": "t"},
        {"batch_id": spec.batch_id},
        {"server": "web-01"},
        {"server": "a/b"},
    ):
        await stores.ledger.page(**filters, limit=10, offset=0)
    await stores.ledger.of_tasks(["t"])
    await stores.ledger.of_servers(["default/web-01"])
    await stores.ledger.at([1, 2])
    picture = await stores.inventory.picture()
    await stores.inventory.named(["default/web-01"])
    await stores.inventory.server("default", "web-01")
    await stores.inventory.servers()
    await stores.inventory.servers(infra="default", provider="local")
    await stores.inventory_rebuild.run(mend=False)
    model = stores.read_model
    await model.tasks_of([spec.batch_id])
    for task_status in (None, *TaskStatus):
        for page in await model.tasks(status=task_status, limit=2, offset=1):
            assert page is not None
    for batch_status in (None, *BatchStatus):
        await model.batches(status=batch_status, limit=2, offset=0)
    await model.operations_named(["op-0", "op-1"])
    await model.tasks_with(["t", "u"])
    await model.task("t")
    await model.batch("b")
    await model.totals()
    await stores.event_log.read(0, 10)
    await watch_over_it(stores)
    await use_the_users(stores)
    moment = Checkpoint(id="c", name="n", created_at=NOON, position=picture.position, requested_by="somebody")
    await stores.checkpoints.add(moment, picture)
    await stores.checkpoints.picture("c")
    await stores.checkpoints.page(limit=2, offset=0)
    await stores.rollbacks.keep_plan("r", [PlanPart(steps=())])
    await stores.rollbacks.plan_part("r", 0)
    await stores.rollbacks.forget_plan("r")
    stores.logs.write([LogLine(job="j", number=1, at=NOON, text="x", task_id="t", server="s")])
    assert await stores.logs.flush(30)


async def test_every_query_is_narrow(
    mongodb: EmbeddedMongo,
    database_name: str,
    recorder: Recorder,
    tmp_path: Path,
    raw_database: pymongo.database.Database[dict[str, object]],
) -> None:
    await use_everything(mongodb, database_name, tmp_path)
    found = [query for command in list(recorder.commands) for query in queries(command)]
    assert {name for name, _ in found} >= {"ledger", "inventory", "tasks", "batches", "events", "users"}
    assert {name for name, _ in found} >= {"login_attempts", "revoked_tokens"}
    first_fields = {
        name: {next(iter(index["key"])) for index in raw_database[name].list_indexes()}
        for name in {name for name, _ in found}
    }
    for name, wanted in found:
        forbidden = {"$or", "$and", "$nor", "$regex", "$where", "$text"} & set(keys_of(wanted))
        assert not forbidden, f"{name}: {wanted}"
        if name == "users" and wanted == {}:
            continue  # counting them: there are few
        if name == "inventory" and wanted == {}:
            continue  # a rebuild looks for what no index would find
        assert set(wanted) & first_fields[name], f"{name}: no index bounds {wanted}"
        by_id = wanted.get("_id")
        assert not isinstance(by_id, Mapping) or set(by_id) == {"$in"}, f"{name}: a range of ids: {wanted}"


async def test_no_sort_or_limit_is_left_to_an_open_range(
    mongodb: EmbeddedMongo, database_name: str, recorder: Recorder, tmp_path: Path
) -> None:
    await use_everything(mongodb, database_name, tmp_path)
    for command in list(recorder.commands):
        position = command.get("filter", {}).get("position")
        if isinstance(position, Mapping) and "$in" not in position:
            assert set(position) == {"$gt", "$lte"}, command
        elif "find" in command:
            assert "sort" not in command, command
