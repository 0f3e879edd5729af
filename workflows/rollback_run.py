"""Carries a rollback out: part by part of its plan, skipping what cannot be undone, and says how it goes."""

from datetime import datetime

from pydantic import BaseModel
from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows import search
from workflows.backwards import backwards
from workflows.contracts.records import RecordActivities
from workflows.contracts.rollbacks import RollbackActivities
from workflows.domain.acceptance import rollback_record
from workflows.domain.actions import Cause
from workflows.domain.effects import EffectKind, described, inverse
from workflows.domain.locks import LockNews
from workflows.domain.overtaking import following, overtaken
from workflows.domain.progress import ProgressInfo, percent
from workflows.domain.records import StateSnapshot
from workflows.domain.resources import Server
from workflows.domain.rollbacks import (
    WORKFLOW_TYPE,
    EffectToUndo,
    PartWanted,
    RollbackOutcome,
    RollbackPart,
    RollbackSpec,
)
from workflows.domain.states import TaskStatus
from workflows.domain.task_updates import (
    FIRST_PROGRESS_VERSION,
    RUNNING_VERSION,
    TERMINAL_VERSION,
    TaskUpdate,
)
from workflows.domain.undoing import taken_back
from workflows.failure_text import failure_text
from workflows.holding import Holding
from workflows.performing import perform
from workflows.policies import LOOK_UP, RECORD, UNDO
from workflows.reporting import Reporter, Unwritten, insist
from workflows.rollback_failures import Failures, effects_at


class RollbackState(BaseModel):
    """Everything that the next run needs besides the rollback itself."""

    started_at: datetime
    begun: bool = False
    locked: list[str] = []
    """Infras of which it holds the locks that it needs."""
    accepted: bool = False
    part: int = 0
    """The next part of the plan."""
    undone: int = 0
    failures: Failures = Failures()
    version: int = FIRST_PROGRESS_VERSION
    cancelled: str | None = None
    """Why it begins no further undoing; a cancel that comes as a run ends is the next one's to heed."""
    unwritten: Unwritten = Unwritten()


class RollbackInput(BaseModel):
    """What a rollback's workflow is started with: the rollback, and where an earlier run left it."""

    spec: RollbackSpec
    state: RollbackState | None = None


class RollbackRun:
    """One run of a rollback; a long one has several, which hand their state on."""

    def __init__(self, request: RollbackInput) -> None:
        self._spec = request.spec
        self._state = request.state or RollbackState(started_at=workflow.now())
        self._cause = Cause(task_id=request.spec.rollback_id)
        self._servers: dict[str, Server] = {}
        self._step = "starting"
        self._holding = Holding(request.spec.name, request.spec.touched, self._state.locked, self._waits)
        self._reporter = Reporter(
            request.spec.rollback_id,
            request.spec.rollback_id,
            storage_backend="filesystem",
            prepare=self._accept,
            carried=self._state.unwritten,
        )

    @property
    def progress(self) -> ProgressInfo:
        done = self._state.undone + self._state.failures.count
        return ProgressInfo(
            workflow_id=self._spec.rollback_id,
            progress=percent(done, self._spec.steps),
            current_step=self._step,
            total_steps=max(1, self._spec.steps),
            completed_steps=done,
            estimated_time_remaining=self._seconds_left(done),
        )

    @property
    def snapshots(self) -> list[StateSnapshot]:
        return self._reporter.unstored_snapshots(self._spec.rollback_id)

    def cancel(self, reason: str) -> None:
        """Begins no further undoing; what is under way is finished, and what was undone stays so."""
        if self._state.cancelled is None:
            self._state.cancelled = reason
            self._holding.give_up()

    def heard(self, news: LockNews) -> None:
        self._holding.heard(news)

    async def run(self) -> RollbackOutcome | None:
        """The outcome; None where the history grows too long and the next run goes on from `hand_over`."""
        self._reporter.start()
        if not self._state.begun:
            self._begin()
        # Whoever planned it holds its locks already, unless the start took too long: then it is found out
        # with the first part of the plan whether others were faster.
        await self._holding.take()
        while self._state.part < self._spec.parts and self._state.cancelled is None:
            # What comes next is looked up where the part before must be written down.
            await self._reporter.caught_up()
            if workflow.info().is_continue_as_new_suggested():
                return None
            try:
                part = await self._next_part()
            except ActivityError as failure:
                return await self._end(TaskStatus.FAILED, failure_text(failure))
            await backwards(part, self._undo)
            self._state.part += 1
        if self._state.cancelled is not None:
            return await self._end(TaskStatus.CANCELLED, self._state.cancelled)
        if self._state.failures.count:
            error = f"{self._state.failures.count} of {self._spec.steps} changes could not be undone"
            return await self._end(TaskStatus.FAILED, error)
        return await self._end(TaskStatus.COMPLETED, None)

    def hand_over(self) -> RollbackState:
        """The state for the next run."""
        self._state.unwritten = self._reporter.stop()
        return self._state

    def _begin(self) -> None:
        self._state.begun = True
        self._report(
            RUNNING_VERSION, TaskStatus.RUNNING, TaskStatus.PENDING, "started", started_at=workflow.now()
        )

    def _waits(self) -> None:
        waiting = self._holding.waiting
        if waiting is not None:
            workflow.set_current_details(waiting)
            self._progressed(waiting)

    async def _next_part(self) -> RollbackPart:
        spec = self._spec
        wanted = PartWanted(
            rollback_id=spec.rollback_id,
            plan_id=spec.plan_id,
            planned_at=spec.planned_at,
            number=self._state.part,
        )
        summary = f"part {self._state.part + 1} of {self._spec.parts}"
        part = await workflow.execute_activity_method(
            RollbackActivities.rollback_part, wanted, summary=summary, **LOOK_UP
        )
        self._servers = dict(part.servers)
        return part

    async def _undo(self, step: EffectToUndo) -> None:
        if self._state.cancelled is not None:
            return
        effect, key = step.effect, step.effect.server.key
        if self._state.failures.bars(effect):
            self._failed(step, f"server {key} has to be set back first")
            return
        self._step = f"undoing: {described(effect)}"
        try:
            action = inverse(effect, self._servers.get(key), self._cause)
            result = await perform(action, **UNDO)
            effects = taken_back(effect, action, result, workflow.now())
        except (ActivityError, ValueError) as error:
            self._failed(step, failure_text(error))
            return
        if effect.kind is EffectKind.SERVER_CREATED:
            self._servers.pop(key, None)
        elif effect.kind is EffectKind.SERVER_DELETED and result.server is not None:
            self._servers[key] = result.server
        self._state.undone += 1
        too = 0
        for undoing in effects:
            positions = self._state.failures.overtaken_by(undoing)
            self._state.undone += len(positions)
            too += len(positions)
            others = [overtaken(one, self._cause, workflow.now()) for one in await effects_at(positions)]
            self._reporter.effects((*others, following(undoing, others)))
        also = f", and with it {too} that could not be undone" if too else ""
        self._progressed(f"undone: {described(effect)} ({result.note}){also}")

    def _failed(self, step: EffectToUndo, why: str) -> None:
        line = self._state.failures.add(step, why)
        self._progressed(f"could not undo: {line}")

    def _progressed(self, step: str) -> None:
        self._step = step
        running = TaskStatus.RUNNING
        self._report(self._state.version, running, running, step, progress=self.progress.progress)
        self._state.version += 1

    async def _end(self, status: TaskStatus, error: str | None) -> RollbackOutcome:
        await self._reporter.caught_up()
        await insist(
            lambda: workflow.execute_activity_method(
                RollbackActivities.forget_rollback_plan,
                self._spec.plan_id,
                summary="forget the plan",
                **RECORD,
            )
        )
        now = workflow.now()
        # Before it is told that this one has ended: whoever reads that may start the next.
        await self._holding.release()
        outcome = RollbackOutcome(
            status=status,
            undone=self._state.undone,
            failed=self._state.failures.count,
            seconds=(now - self._state.started_at).total_seconds(),
            remaining=tuple(self._state.failures.lines.values()),
            error=error,
        )
        self._step = status.value.lower()
        self._report(
            TERMINAL_VERSION,
            status,
            TaskStatus.RUNNING,
            error or "done",
            started_at=self._state.started_at,
            completed_at=now,
            output="\n".join([f"{outcome.undone} changes undone", *outcome.remaining]),
            error=error,
            progress=100.0 if status is TaskStatus.COMPLETED else None,
        )
        workflow.upsert_search_attributes([search.TASK_STATUS.value_set(status.value)])
        workflow.set_current_details(f"**{status.value}** {error or ''}")
        await self._reporter.drain()
        return outcome

    def _report(
        self,
        version: int,
        status: TaskStatus,
        previous: TaskStatus,
        step: str,
        *,
        started_at: datetime | None = None,
        completed_at: datetime | None = None,
        output: str | None = None,
        error: str | None = None,
        progress: float | None = None,
    ) -> None:
        self._reporter.task(
            TaskUpdate(
                id=self._spec.rollback_id,
                version=version,
                previous=previous,
                status=status,
                at=workflow.now(),
                name=self._spec.name,
                workflow_type=WORKFLOW_TYPE,
                started_at=started_at,
                completed_at=completed_at,
                output=output,
                error=error,
                progress=progress,
                step=step,
            )
        )

    async def _accept(self) -> None:
        if not self._state.accepted:
            record = rollback_record(self._spec)
            await insist(
                lambda: workflow.execute_activity_method(
                    RecordActivities.accept_task, record, summary="accept the rollback", **RECORD
                )
            )
            self._state.accepted = True

    def _seconds_left(self, done: int) -> int | None:
        if not 0 < done < self._spec.steps:
            return None
        passed = (workflow.now() - self._state.started_at).total_seconds()
        return round(passed / done * (self._spec.steps - done))
