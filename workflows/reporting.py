"""Writes down what a workflow did: coalesced, in order, and without ever holding the work up.

A report is an ordinary activity that is retried until it succeeds. A local activity would cost fewer events,
but it holds the workflow task open, and while MongoDB is slow or away nothing else would be seen.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from workflows.contracts.records import RecordActivities
from workflows.domain.batches import StorageBackend
from workflows.domain.effects import Effect
from workflows.domain.projections import snapshots
from workflows.domain.records import BatchUpdate, Report, StateSnapshot
from workflows.domain.resources import Frozen
from workflows.domain.task_updates import TaskUpdate
from workflows.failure_text import failure_text
from workflows.policies import RECORD, REFUSED_REPORT_PAUSE, REPORT_INTERVAL

T = TypeVar("T")

MAX_UPDATES = 500
"""Changes in one report: keeps a report far from the limits of a payload and of a bulk write."""

_HURRY = "hurry-while-awaited"
"""The name by which a history tells whether it was made with pauses all the same."""


class Unwritten(Frozen):
    """What is not known to be written, as it is handed to the next run or to the parent."""

    updates: tuple[TaskUpdate, ...] = ()
    effects: tuple[Effect, ...] = ()
    next_number: int = 1


class Reporter:
    """Collects changes and writes them, one report at a time.

    Args:
        owner: batch or single task under which snapshots are kept.
        writer: the workflow that writes; with the report's number it makes a retry recognisable.
        storage_backend: where the owner's snapshots are kept.
        compose: gives the batch's own state for a report with this version, where there is a batch.
        prepare: is awaited before the first report.
    """

    def __init__(
        self,
        owner: str,
        writer: str,
        *,
        storage_backend: StorageBackend,
        compose: Callable[[int], BatchUpdate] | None = None,
        prepare: Callable[[], Awaitable[None]] | None = None,
        carried: Unwritten | None = None,
    ) -> None:
        carried = carried or Unwritten()
        self._owner = owner
        self._writer = writer
        self._storage_backend = storage_backend
        self._compose = compose
        self._prepare = prepare
        self._updates = list(carried.updates)
        self._effects = list(carried.effects)
        self._number = carried.next_number
        self._in_flight: Report | None = None
        self._changed = bool(self._updates or self._effects)
        self._wake = asyncio.Event()
        self._mark = int(self._changed)
        self._written_mark = 0
        self._written = asyncio.Event()
        self._draining = False
        self._awaited = 0
        """How many wait for what was reported, and for nothing else."""
        self._task: asyncio.Task[None] | None = None

    def task(self, update: TaskUpdate) -> None:
        self._updates.append(update)
        self.changed()

    def effects(self, effects: Sequence[Effect]) -> None:
        if effects:
            self._effects.extend(effects)
            self.changed()

    def changed(self) -> None:
        """Something is worth a report, if only the batch's own state."""
        self._changed = True
        self._mark += 1
        self._wake.set()

    def start(self, *, first_after_interval: bool = False) -> None:
        """Begins to write in the background, at once or only if the work outlasts the interval.

        Starting it again changes nothing.
        """
        if self._task is not None:
            return
        if self._changed:
            self._wake.set()
        self._task = asyncio.create_task(self._run(first_after_interval))

    async def drain(self) -> None:
        """Returns when everything is written, however long the stores are away."""
        self._draining = True
        await self.caught_up()

    async def caught_up(self) -> None:
        """Returns when what was reported so far is written, for whoever is about to look it up."""
        mark = self._mark
        if self._written_mark >= mark:
            return
        with self._hurrying():
            while self._written_mark < mark:
                await self._written.wait()

    @contextlib.contextmanager
    def _hurrying(self) -> Iterator[None]:
        """Writes without pauses meanwhile: while the work stands still for it, nothing new comes."""
        hurried = int(not self._draining and workflow.patched(_HURRY))
        self._awaited += hurried
        try:
            yield
        finally:
            self._awaited -= hurried

    def stop(self) -> Unwritten:
        """Hands over what is not known to be written, for a workflow that ends with this.

        The writing is not cancelled: that would be a command after the workflow's last one.
        """
        flying = self._in_flight
        return Unwritten(
            updates=(*(flying.tasks if flying else ()), *self._updates),
            effects=self.unwritten_effects,
            next_number=self._number,
        )

    @property
    def unwritten_effects(self) -> tuple[Effect, ...]:
        """What is not known to be in the ledger, in its order."""
        flying = self._in_flight
        return (*(flying.effects if flying else ()), *self._effects)

    def unstored_snapshots(self, workflow_id: str) -> list[StateSnapshot]:
        """Snapshots that the storage may not have yet, for a query."""
        waiting = Report(owner=self._owner, number="", tasks=tuple(self._updates))
        reports = [self._in_flight, waiting] if self._in_flight else [waiting]
        return [s for report in reports for s in snapshots(report) if s.workflow_id == workflow_id]

    async def _run(self, first_after_interval: bool) -> None:
        if first_after_interval:
            await self._pause()
        if self._prepare is not None:
            await self._prepare()
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._changed:
                await self._write(self._take())
                await self._pause()

    async def _pause(self) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await workflow.wait_condition(
                lambda: self._draining or self._awaited > 0, timeout=REPORT_INTERVAL
            )

    def _take(self) -> Report:
        tasks, self._updates = self._updates[:MAX_UPDATES], self._updates[MAX_UPDATES:]
        effects, self._effects = self._effects[:MAX_UPDATES], self._effects[MAX_UPDATES:]
        self._changed = bool(self._updates or self._effects)
        number, self._number = self._number, self._number + 1
        return Report(
            owner=self._owner,
            number=f"{self._writer}-{number:09d}",
            storage_backend=self._storage_backend,
            tasks=tuple(tasks),
            batch=self._compose(number) if self._compose else None,
            effects=tuple(effects),
        )

    async def _write(self, report: Report) -> None:
        mark = self._written_mark if self._changed else self._mark
        self._in_flight = report
        await insist(
            lambda: workflow.execute_activity_method(
                RecordActivities.write_report, report, summary=_summary(report), **RECORD
            )
        )
        self._in_flight = None
        self._written_mark = mark
        written, self._written = self._written, asyncio.Event()
        written.set()


async def insist(record: Callable[[], Awaitable[T]]) -> T:
    """Writes or looks up, however often it takes: to give up would lose what happened, so whoever mends the
    cause is waited for."""
    while True:
        try:
            return await record()
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            workflow.logger.error("a record was refused: %s", failure_text(error))
            await workflow.sleep(REFUSED_REPORT_PAUSE)


def _summary(report: Report) -> str:
    return f"write down {len(report.tasks)} changes, {len(report.effects)} effects"
