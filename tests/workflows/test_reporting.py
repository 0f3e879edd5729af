"""Writing down never holds the work up, and nothing that was seen is lost for it."""

import asyncio
from pathlib import Path

from temporalio.client import Client

from activities.records import Records
from tests.support.batches import batch, server_operation
from tests.support.engine import running_engine
from tests.support.mongodb import EmbeddedMongo
from tests.support.stack import eventually
from workflows.domain.identity import task_id
from workflows.domain.records import Report
from workflows.domain.states import BatchStatus, TaskStatus


class HeldRecords(Records):
    """Takes no report from `writer` until `let_go` is set; says in `asked` that there was one."""

    writer = ""

    def hold(self, writer: str) -> tuple[asyncio.Event, asyncio.Event]:
        self.writer = writer
        self.asked, self.let_go = asyncio.Event(), asyncio.Event()
        return self.asked, self.let_go

    async def write_report(self, report: Report) -> None:
        if self.writer and report.number.startswith(self.writer):
            self.asked.set()
            await self.let_go.wait()
        await super().write_report(report)


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
