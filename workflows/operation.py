"""Carries one operation out: plan, act, and on failure or cancellation leave nothing half done.

The outcome is a value. An exception out of here is a defect of ours, not of the operation.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from workflows import search
from workflows.checking import changes_of
from workflows.domain.actions import Action, CreateServer, RecordCluster
from workflows.domain.batches import OperationInput, OperationResult
from workflows.domain.changes import Change
from workflows.domain.effects import Effect, Remaining, still_open
from workflows.domain.errors import InvalidRequest
from workflows.domain.locks import LockNews
from workflows.domain.operations import workflow_type
from workflows.domain.progress import ProgressInfo, percent
from workflows.domain.records import StateSnapshot
from workflows.domain.resources import Server
from workflows.domain.states import TaskStatus
from workflows.domain.task_updates import FIRST_PROGRESS_VERSION, TaskUpdate
from workflows.failure_text import failure_text
from workflows.performing import perform, settle
from workflows.policies import MAX_ACTIONS, MAX_PARALLEL_ACTIONS, ActivityOptions, action
from workflows.saga import at_once_of, settled, undo
from workflows.standalone import Standalone, reporter_of

_BOUNDED = "no-more-actions-than-a-history-holds"

Next = Callable[[Mapping[str, Server], ActivityOptions], Awaitable["Plan"]]


class Plan(NamedTuple):
    """Chains of actions: in order within a chain, the chains beside each other."""

    servers: tuple[Server, ...] = ()
    chains: tuple[tuple[Action, ...], ...] = ()
    then: Next | None = None
    """What comes once all of that is done, from the servers that there are then."""
    further: int = 0
    """How many actions that will be."""


Planner = Callable[[OperationInput, ActivityOptions], Awaitable[Plan]]


class OperationRun:
    """One operation under way. The workflow classes around it differ only in how they plan."""

    def __init__(self, request: OperationInput) -> None:
        self._request = request
        self._deadline = workflow.now()
        self._alone = Standalone(request) if request.alone is not None else None
        self._reporter = self._alone.reporter if self._alone else reporter_of(request)
        self._work: asyncio.Task[None] | None = None
        self._cancelled: str | None = None
        self._chains: list[asyncio.Task[None]] = []
        self._stopping = False
        self._slots = asyncio.Semaphore(MAX_PARALLEL_ACTIONS)
        self._attempted: dict[str, Action] = {}
        self._effects: list[Effect] = []
        self._servers: dict[str, Server] = {}
        self._foreseen: tuple[Change, ...] = ()
        self._notes: list[str] = []
        self._total = 1
        self._done = 0
        self._step = "planning"
        self._version = FIRST_PROGRESS_VERSION

    @property
    def progress(self) -> ProgressInfo:
        return ProgressInfo(
            workflow_id=self._request.task_id,
            progress=percent(self._done, self._total),
            current_step=(self._alone and self._alone.waiting) or self._step,
            total_steps=max(1, self._total),
            completed_steps=self._done,
            estimated_time_remaining=self._seconds_left(),
        )

    @property
    def snapshots(self) -> list[StateSnapshot]:
        return self._reporter.unstored_snapshots(self._request.task_id)

    def cancel(self, reason: str) -> None:
        """Stops the work; what it did is then taken back. Ignored once the work has ended."""
        if self._cancelled is not None or (self._work is not None and self._work.done()):
            return
        self._cancelled = reason
        if self._work is not None:
            self._stop_work(self._work)
        elif self._alone is not None:
            self._alone.give_up()

    def _stop_work(self, work: asyncio.Task[None]) -> None:
        self._stopping = True
        work.cancel()

    def heard(self, news: LockNews) -> None:
        if self._alone is not None:
            self._alone.heard(news)

    async def carry_out(self, planner: Planner) -> OperationResult:
        """The whole operation. A cancellation from outside only ever reaches the work, never the clean-up."""
        engine = asyncio.create_task(self._engine(planner))
        while not engine.done():
            try:
                await asyncio.shield(engine)
            except asyncio.CancelledError:
                self.cancel(workflow.cancellation_reason() or "cancelled")
        return engine.result()

    async def _engine(self, planner: Planner) -> OperationResult:
        if self._alone is None:
            return await self._work_out(planner)
        if await self._alone.begin():
            result = await self._work_out(planner)
        else:
            result = self._finish(TaskStatus.CANCELLED, self._cancelled, [])
        await self._alone.end(result)
        return result

    async def _work_out(self, planner: Planner) -> OperationResult:
        self._deadline = workflow.now() + timedelta(seconds=self._request.operation.config.timeout)
        self._work = asyncio.create_task(self._act(planner))
        if self._cancelled is not None:
            # The signal came with the start itself.
            self._stop_work(self._work)
        await workflow.wait([self._work])
        await self._come_to_rest()
        error = self._error(self._work)
        if error is None:
            return self._finish(TaskStatus.COMPLETED, None, [])
        status = TaskStatus.CANCELLED if self._cancelled is not None else TaskStatus.FAILED
        remaining = await self._clear_up()
        if self._cancelled is not None or self._request.undo_on_failure:
            not_undone = await self._take_back()
            remaining = [*settled(remaining, self._effects)[0], *not_undone]
        return self._finish(status, error, remaining)

    def _error(self, work: asyncio.Task[None]) -> str | None:
        if self._cancelled is not None:
            return self._cancelled
        if work.cancelled():
            return "cancelled"
        failure = work.exception()
        return failure_text(failure) if failure is not None else None

    async def _act(self, planner: Planner) -> None:
        if self._request.operation.config.check_mode:
            await self._look_ahead()
            return
        plan = await planner(self._request, self._options())
        await self._carry(plan)
        while plan.then is not None and not self._stopping:
            plan = await plan.then(self._servers, self._options())
            await self._carry(plan)

    async def _carry(self, plan: Plan) -> None:
        self._servers |= {server.key: server for server in plan.servers}
        self._total = self._done + sum(len(chain) for chain in plan.chains) + plan.further
        if self._total > MAX_ACTIONS and workflow.patched(_BOUNDED):
            raise ApplicationError(
                f"{self._total} steps are more than the {MAX_ACTIONS} of one operation: divide it up",
                type=InvalidRequest.__name__,
                non_retryable=True,
            )
        self._chains = [asyncio.create_task(self._follow(chain)) for chain in plan.chains]
        await asyncio.gather(*self._chains)

    async def _look_ahead(self) -> None:
        plan = await changes_of(self._request, self._options())
        self._servers = {server.key: server for server in plan.servers}
        self._foreseen = plan.changes
        self._notes.append(plan.text)
        self._done = self._total

    async def _come_to_rest(self) -> None:
        """Nothing may still act when the clean-up begins."""
        self._stopping = True
        for chain in self._chains:
            chain.cancel()
        if self._chains:
            await workflow.wait(self._chains)

    async def _follow(self, chain: Sequence[Action]) -> None:
        async with self._slots:
            for step in chain:
                # An activity that succeeds in spite of its cancellation swallows it.
                if self._stopping:
                    return
                await self._perform(step)

    async def _perform(self, step: Action) -> None:
        self._step = step.summary
        self._attempted[step.key] = step
        result = await perform(step, **self._options())
        del self._attempted[step.key]
        self._record(result.effects)
        if result.server is not None:
            self._servers[result.server.key] = result.server
        self._notes.append(result.note)
        self._done += 1
        self._report(result.note)

    async def _clear_up(self) -> list[Remaining]:
        """Settles every action that was begun and gave no result."""
        remaining: list[Remaining] = []
        for step in self._attempted.values():
            self._report(f"clearing up: {step.summary}")
            try:
                result = await settle(step)
            except ActivityError as error:
                what = f"half done: {step.summary}"
                where = None if isinstance(step, CreateServer | RecordCluster) else step.server.key
                remaining.append(Remaining(what=what, why=failure_text(error), half_done_on=where))
            else:
                if result is not None:
                    self._record(result.effects)
                    self._notes.append(result.note)
        return remaining

    async def _take_back(self) -> list[Remaining]:
        effects = still_open(self._effects)
        if effects:
            self._report(f"undoing {len(effects)} changes")
        return await undo(effects, self._record, at_once=at_once_of(self._request.operation))

    def _record(self, effects: Sequence[Effect]) -> None:
        self._effects.extend(effects)
        self._reporter.effects(effects)

    def _report(self, step: str) -> None:
        self._step = step
        if self._done == self._total and self._cancelled is None:
            return  # the end is reported with the result
        request = self._request
        self._reporter.start(first_after_interval=True)
        self._reporter.task(
            TaskUpdate(
                id=request.task_id,
                version=self._version,
                previous=TaskStatus.RUNNING,
                status=TaskStatus.RUNNING,
                at=workflow.now(),
                name=request.operation.id,
                workflow_type=workflow_type(request.operation),
                batch_id=request.batch_id,
                progress=percent(self._done, self._total),
                step=step,
            )
        )
        self._version += 1

    def _finish(self, status: TaskStatus, error: str | None, remaining: list[Remaining]) -> OperationResult:
        unwritten = self._reporter.stop()
        workflow.upsert_search_attributes([search.TASK_STATUS.value_set(status.value)])
        workflow.set_current_details(f"**{status.value}** {error or ''}")
        return OperationResult(
            status=status,
            servers=tuple(self._servers.values()),
            effects=tuple(self._effects),
            # What was carried is in front, and its parent has that itself.
            unwritten=min(len(unwritten.effects), len(self._effects)),
            unwritten_updates=unwritten.updates,
            output="\n".join(self._notes),
            error=error,
            remaining=tuple(remaining),
            foreseen=self._foreseen,
        )

    def _options(self) -> ActivityOptions:
        return action(self._deadline - workflow.now())

    def _seconds_left(self) -> int | None:
        if not 0 < self._done < self._total:
            return None
        passed = (workflow.now() - workflow.info().start_time).total_seconds()
        return round(passed / self._done * (self._total - self._done))
