"""A store of reports that lets some of them wait."""

import asyncio

from activities.records import Records
from workflows.domain.records import Report


class HeldRecords(Records):
    """Takes no report from `writer` until `let_go` is set; says in `asked` that there was one."""

    writer = ""

    def hold(self, writer: str) -> tuple[asyncio.Event, asyncio.Event]:
        self.asked, self.let_go = asyncio.Event(), asyncio.Event()
        self.writer = writer
        return self.asked, self.let_go

    async def write_report(self, report: Report) -> None:
        if self.writer and report.number.startswith(self.writer):
            self.asked.set()
            await self.let_go.wait()
        await super().write_report(report)
