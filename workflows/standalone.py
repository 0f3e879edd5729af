"""What a task that belongs to no batch does for itself: its row, its locks, and the telling of its end."""

from datetime import datetime

from temporalio import workflow

from workflows.contracts.records import RecordActivities
from workflows.domain.acceptance import single_record
from workflows.domain.batches import OperationInput, OperationResult
from workflows.domain.locks import LockNews
from workflows.domain.operations import workflow_type
from workflows.domain.states import TaskStatus
from workflows.domain.task_updates import RUNNING_VERSION, TERMINAL_VERSION, TaskUpdate
from workflows.domain.touching import touches
from workflows.holding import Holding
from workflows.policies import RECORD
from workflows.reporting import Reporter, Unwritten, insist


def reporter_of(request: OperationInput) -> Reporter:
    """For an operation whose batch keeps its row."""
    return Reporter(
        request.batch_id or request.task_id,
        request.task_id,
        storage_backend=request.storage_backend,
        carried=Unwritten(effects=request.builds_on),
    )


class Standalone:
    """The life of such a task around its work."""

    def __init__(self, request: OperationInput) -> None:
        self._request = request
        self._started_at: datetime | None = None
        self.reporter = Reporter(
            request.task_id,
            request.task_id,
            storage_backend=request.storage_backend,
            prepare=self._accept,
        )
        operation = request.operation
        self._holding = Holding(f"task {operation.id}", touches([operation]), [], self._waits)

    @property
    def waiting(self) -> str | None:
        """Whom it waits for; None where it does not."""
        return self._holding.waiting

    def heard(self, news: LockNews) -> None:
        self._holding.heard(news)

    def give_up(self) -> None:
        """Waits no longer for its locks."""
        self._holding.give_up()

    async def begin(self) -> bool:
        """Whether it may touch what it needs; False where it gave up before."""
        self.reporter.changed()
        self.reporter.start()
        if not await self._holding.take():
            return False
        self._started_at = workflow.now()
        self._report(RUNNING_VERSION, TaskStatus.PENDING, TaskStatus.RUNNING, "started", progress=0.0)
        return True

    async def end(self, result: OperationResult) -> None:
        """Returns when all is written down."""
        now = workflow.now()
        # What was done is in the ledger before somebody else may touch the same servers.
        await self.reporter.drain()
        await self._holding.release()
        previous = TaskStatus.PENDING if self._started_at is None else TaskStatus.RUNNING
        remaining = (f"could not be undone: {one.line}" for one in result.remaining)
        self._report(
            TERMINAL_VERSION,
            previous,
            result.status,
            result.error or "done",
            completed_at=now,
            output="\n".join(line for line in (result.output, *remaining) if line) or None,
            error=result.error,
            progress=100.0 if result.status is TaskStatus.COMPLETED else None,
        )
        await self.reporter.drain()

    def _waits(self) -> None:
        workflow.set_current_details(self._holding.waiting or "")

    async def _accept(self) -> None:
        record = single_record(self._request)
        await insist(
            lambda: workflow.execute_activity_method(
                RecordActivities.accept_task, record, summary="accept the task", **RECORD
            )
        )

    def _report(
        self,
        version: int,
        previous: TaskStatus,
        status: TaskStatus,
        step: str,
        *,
        completed_at: datetime | None = None,
        output: str | None = None,
        error: str | None = None,
        progress: float | None = None,
    ) -> None:
        operation = self._request.operation
        self.reporter.task(
            TaskUpdate(
                id=self._request.task_id,
                version=version,
                previous=previous,
                status=status,
                at=workflow.now(),
                name=operation.id,
                workflow_type=workflow_type(operation),
                started_at=self._started_at,
                completed_at=completed_at,
                output=output,
                error=error,
                progress=progress,
                step=step,
            )
        )
