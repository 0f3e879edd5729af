"""Runs a batch: starts what is ready, settles what ends, and takes back what must not stay."""

import asyncio
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any

from temporalio import workflow

from workflows import batch_state
from workflows.batch_state import BatchState, Phase, Stop
from workflows.children import Children
from workflows.contracts.records import RecordActivities
from workflows.domain.batches import BatchResult, BatchSpec, OperationResult
from workflows.domain.dag import dependents
from workflows.domain.effects import Effect, still_open
from workflows.domain.identity import task_id
from workflows.domain.locks import LockNews
from workflows.domain.progress import ProgressInfo
from workflows.domain.records import BatchUpdate, StateSnapshot
from workflows.domain.states import FailureAction, TaskStatus
from workflows.domain.touching import touches
from workflows.handing_on import builds_on, foreseen_before, input_for, looks_up, servers_for
from workflows.holding import Holding
from workflows.policies import LOOK_UP, RECORD
from workflows.reporting import Reporter, insist
from workflows.saga import at_once_in_batch, newer_than, settled, undo
from workflows.scheduler import Schedule
from workflows.task_reports import TaskReports

_LOCKS = "locks"
"""Batches that were started before there were locks go on without them."""

_LATE_CANCEL = "cancel-while-written-down"
_START_NO_MORE = "start-no-more-once-stopped"


class BatchRun:
    """One run of a batch; a long batch has several, which hand their state on."""

    def __init__(self, batch: BatchSpec, state: BatchState | None) -> None:
        self._batch = batch
        self.state = state or BatchState.at_first(batch)
        self._operations = {operation.id: operation for operation in batch.operations}
        self._graph = {operation.id: operation.dependencies for operation in batch.operations}
        self._reporter = Reporter(
            batch.batch_id,
            batch.batch_id,
            storage_backend=batch.storage_backend,
            compose=self._update,
            prepare=self._accept,
            carried=self.state.unwritten,
        )
        self._tasks = TaskReports(batch, self.state, self._reporter)
        self._holding = Holding(
            f"batch {batch.name}", touches(batch.operations), self.state.held, self._waits
        )
        self._wake = asyncio.Event()
        self._children = Children(self._wake.set)
        self._effects: dict[str, list[Effect]] = {}
        self._running: dict[str, asyncio.Task[Any]] = {}
        self._ended: list[tuple[str, asyncio.Task[Any]]] = []
        self._schedule = Schedule(
            self._graph,
            done=self.state.having(TaskStatus.COMPLETED),
            gone=[name for name, status in self.state.statuses.items() if status is not TaskStatus.PENDING],
        )

    @property
    def progress(self) -> ProgressInfo:
        return batch_state.progress(self._batch, self.state, workflow.now())

    def snapshots(self, task_id: str | None) -> list[StateSnapshot]:
        return self._reporter.unstored_snapshots(task_id or self._batch.batch_id)

    def cancel(self, reason: str) -> None:
        """Like a failure: nothing new starts, what runs is cancelled. Ignored once the batch is ending."""
        self._stop(Stop(reason=reason, cancelled=True, undo=self._batch.rollback_enabled))

    def heard(self, news: LockNews) -> None:
        self._holding.heard(news)

    async def run(self) -> BatchResult | None:
        """The result; None where the history grows too long and the next run goes on from `state`."""
        self._reporter.changed()
        self._reporter.start()
        locking = workflow.patched(_LOCKS)
        if locking and self.state.phase is Phase.RUNNING:
            await self._holding.take()
            self._waits()
        if self.state.phase in (Phase.RUNNING, Phase.STOPPING) and not await self._forward():
            return None
        if self.state.stop is not None and self.state.stop.undo and not await self._roll_back():
            return None
        if locking and not await self._give_back():
            return None
        self.state.phase = Phase.ENDED
        workflow.set_current_details(f"**{self.state.status.value}** {self.state.error or ''}")
        self._reporter.changed()
        await self._reporter.drain()
        return batch_state.result(self.state)

    def hand_over(self) -> BatchState:
        """The state for the next run."""
        self.state.unwritten = self._reporter.stop()
        return self.state

    def _waits(self) -> None:
        waiting = self._holding.waiting
        if waiting == self.state.waiting:
            return
        self.state.waiting = waiting
        workflow.set_current_details(waiting or "")
        self._reporter.changed()

    # Forward

    async def _forward(self) -> bool:
        """True when everything has ended that ever will; False to go on in a next run."""
        for name in self.state.having(TaskStatus.RUNNING):
            self._spawn(name, self._children.attach(task_id(self._batch.batch_id, name)))
        if self.state.stop is not None:
            self._children.cancel_all(self.state.stop.reason)
        while True:
            for name, result in self._collect():
                self._settle(name, result)
            leaving = self.state.stop is None and workflow.info().is_continue_as_new_suggested()
            if self.state.stop is None and not leaving:
                self._launch()
            if not self._running:
                return not self._schedule.waiting
            if leaving and not self._children.starting:
                return False
            await self._woken()

    def _launch(self) -> None:
        while len(self._running) < self._batch.parallel_limit:
            name = self._schedule.take()
            if name is None:
                return
            self._tasks.started(name)
            self._spawn(name, self._start(name))

    async def _start(self, name: str) -> OperationResult | None:
        operation = self._operations[name]
        found = servers_for(operation, self._operations, self.state.servers)
        if looks_up(operation, found):
            await self._reporter.caught_up()
            if self.state.stop is not None and workflow.patched(_START_NO_MORE):
                return None
        unwritten = builds_on(operation, found, self._reporter.unwritten_effects)
        foreseen = foreseen_before(operation, self._graph, self.state.foreseen)
        return await self._children.start(input_for(self._batch, operation, found, unwritten, foreseen))

    def _settle(self, name: str, result: OperationResult | None) -> None:
        if result is None:
            self._never_started(name)
            return
        self._take_over(name, result)
        self._tasks.ended(name, result)
        if result.status is TaskStatus.COMPLETED:
            self._schedule.done(name)
        elif self.state.stop is None:
            self._failed(name, result)

    def _never_started(self, name: str) -> None:
        if self.state.stop is not None:
            self._tasks.never_started(name, self.state.stop.reason)
        else:
            self._tasks.back_to_pending(name)
            self._schedule.put_back(name)

    def _take_over(self, name: str, result: OperationResult) -> None:
        for update in result.unwritten_updates:
            self._reporter.task(update)
        self._reporter.effects(result.unwritten_effects)
        if result.servers:
            self.state.servers[name] = result.servers
        if result.foreseen:
            self.state.foreseen[name] = result.foreseen
        self._effects[name] = still_open(result.effects)
        self.state.remaining += [one.of(name) for one in result.remaining]
        failure_action = self._batch.on_failure(self._operations[name])
        kept = result.status is TaskStatus.FAILED and failure_action is not FailureAction.ROLLBACK
        if self._effects[name] and (result.status is TaskStatus.COMPLETED or kept):
            self.state.built.append(name)

    def _failed(self, name: str, result: OperationResult) -> None:
        reason = f"operation {name} {result.status.value.lower()}: {result.error}"
        self.state.error = self.state.error or reason
        for dependent in self._schedule.give_up(name):
            self._tasks.never_started(dependent, f"not started: it needs {name}, which did not complete")
        action = self._batch.on_failure(self._operations[name])
        if action is not FailureAction.CONTINUE:
            self._stop(Stop(reason=reason, cancelled=False, undo=action is FailureAction.ROLLBACK))

    def _stop(self, stop: Stop) -> None:
        if self.state.stop is not None or self.state.phase is not Phase.RUNNING:
            return
        if self._holding.is_over and workflow.patched(_LATE_CANCEL):
            return
        self.state.stop = stop
        self.state.error = stop.reason if stop.cancelled else self.state.error or stop.reason
        self.state.phase = Phase.STOPPING
        for name in self._schedule.give_up_all():
            self._tasks.never_started(name, f"not started: {stop.reason}")
        self._children.cancel_all(stop.reason)
        self._holding.give_up()
        self._reporter.changed()
        self._wake.set()

    # Back

    async def _roll_back(self) -> bool:
        """Undoes what was built, dependents before what they depend on."""
        self.state.phase = Phase.ROLLING_BACK
        self._reporter.changed()
        backwards = Schedule(dependents(self._graph), done=self.state.undone)
        built = set(self.state.built)
        leaving = workflow.info().is_continue_as_new_suggested
        while True:
            for name, _ in self._collect():
                backwards.done(name)
            while not leaving() and len(self._running) < self._batch.parallel_limit:
                taken = backwards.take()
                if taken is None:
                    break
                if taken in built:
                    self._spawn(taken, self._undo(taken))
                else:
                    backwards.done(taken)
            if not self._running:
                return not backwards.waiting
            await self._woken()

    async def _undo(self, name: str) -> None:
        effects = self._effects.get(name)
        if effects is None:
            await self._reporter.caught_up()
            task = task_id(self._batch.batch_id, name)
            effects = await workflow.execute_activity_method(
                RecordActivities.open_effects, task, summary=f"what {name} did", **LOOK_UP
            )
        at_once = at_once_in_batch(self._operations[name])
        remaining = await undo(effects, partial(self._undid, name), self.state.made_anew, at_once)
        self.state.remaining += [one.of(name) for one in remaining]
        self.state.undone.append(name)
        self._tasks.undone(name, len(effects) - len(remaining), len(remaining))

    def _undid(self, name: str, undoing: Sequence[Effect]) -> None:
        self.state.remaining, told = settled(self.state.remaining, undoing, newer_than(self._graph, name))
        self._reporter.effects(told)

    async def _give_back(self) -> bool:
        """What was done is in the ledger before somebody else may touch the same servers.

        A cancel that comes meanwhile is still one: as long as the locks are held, all can be taken back.
        """
        unstopped = self.state.stop is None
        await self._reporter.drain()
        if unstopped and self.state.stop is not None and workflow.patched(_LATE_CANCEL):
            if self.state.stop.undo and not await self._roll_back():
                return False
            await self._reporter.drain()
        await self._holding.release()
        return True

    # Both ways

    def _spawn(self, name: str, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work)
        self._running[name] = task

        def ended(task: asyncio.Task[object]) -> None:
            del self._running[name]
            self._ended.append((name, task))
            self._wake.set()

        task.add_done_callback(ended)

    def _collect(self) -> list[tuple[str, Any]]:
        """The results that came in since the last time, in their order."""
        ended, self._ended = self._ended, []
        return [(name, task.result()) for name, task in ended]

    async def _woken(self) -> None:
        await self._wake.wait()
        self._wake.clear()

    async def _accept(self) -> None:
        if not self.state.accepted:
            await insist(
                lambda: workflow.execute_activity_method(
                    RecordActivities.accept_batch, self._batch, summary="accept the batch", **RECORD
                )
            )
            self.state.accepted = True

    def _update(self, version: int) -> BatchUpdate:
        return batch_state.update(self._batch, self.state, version, workflow.now())
