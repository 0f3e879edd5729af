"""Writing down never holds the work up, and nothing that was seen is lost for it."""

import asyncio
from pathlib import Path

from temporalio.client import Client

from tests.support.batches import batch, server_operation, taskserv_operation
from tests.support.engine import running_engine
from tests.support.held_records import HeldRecords
from tests.support.mongodb import EmbeddedMongo
from tests.support.stack import eventually
from workflows.domain.identity import task_id
from workflows.domain.operations import TaskservItem, TaskservOperation, TaskservsConfig
from workflows.domain.states import BatchStatus, TaskStatus


async def test_an_operation_ends_while_its_own_report_is_under_way(
    temporal: Client, mongodb: EmbeddedMongo, tmp_path: Path
) -> None:
    names = [f"rep-{number}" for number in range(14)]
    wanted = batch(
        server_operation("many", servers=names, create_seconds="1.2"),
        server_operation("after", ["many"]),
    )
    async with running_engine(
        temporal, mongodb.uri, tmp_path, name="held", strict=True, records=HeldRecords
    ) as engine:
        assert isinstance(engine.records, HeldRecords)
        asked, let_go = engine.records.hold(task_id(wanted.batch_id, "many"))
        handle = await engine.start(wanted)
        await asyncio.wait_for(asked.wait(), 60)

        async def both_exist() -> bool:
            return all([await engine.provider.find("default", name) for name in [*names, "after"]])

        await eventually(both_exist)
        let_go.set()
        assert (await handle.result()).status is BatchStatus.COMPLETED
        effects = await engine.stores.ledger.page(batch_id=wanted.batch_id, limit=100, offset=0)
        assert sorted(e.effect.server.spec.name for e in effects.items) == sorted([*names, "after"])
        task = (await engine.tasks(wanted))["many"]
        assert (task.status, task.progress) == (TaskStatus.COMPLETED, 100.0)


async def test_what_was_done_is_not_in_the_ledger_before_what_it_builds_on(
    temporal: Client, mongodb: EmbeddedMongo, tmp_path: Path
) -> None:
    quick = TaskservItem(name="redis", params={"size": 2})
    slow = TaskservItem(name="nginx", params={"hold": "nginx"})
    wanted = batch(
        server_operation("made"),
        taskserv_operation("first", ["made"], taskserv="redis", size=1),
        TaskservOperation(
            id="second",
            provider="memory",
            dependencies=("first",),
            config=TaskservsConfig(taskservs=[quick, slow]),
        ),
    )
    async with running_engine(
        temporal, mongodb.uri, tmp_path, name="order", strict=True, records=HeldRecords
    ) as engine:
        assert isinstance(engine.records, HeldRecords)
        # The batch has yet to write what the first two did, when the third writes for itself.
        _, let_go = engine.records.hold(wanted.batch_id)
        handle = await engine.start(wanted)

        async def written() -> list[tuple[str, str]]:
            _, entries = await engine.stores.ledger.after(0)
            return [(str(entry.effect.cause.operation_id), entry.effect.resource.key) for entry in entries]

        early = [("made", "default/made"), ("first", "default/made/redis"), ("second", "default/made/redis")]

        async def as_many() -> bool:
            return len(await written()) >= len(early)

        await eventually(as_many)
        assert await written() == early
        engine.taskservs.release("nginx")
        let_go.set()
        assert (await handle.result()).status is BatchStatus.COMPLETED
        assert await written() == [*early, ("second", "default/made/nginx")]
        item = await engine.stores.inventory.server("default", "made")
        assert item is not None
        assert [one.params for one in item.taskservs] == [slow.params, quick.params]
