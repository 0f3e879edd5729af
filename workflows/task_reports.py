"""What a batch says of its operations: the changes of their tasks, in the order in which it sees them."""

from datetime import datetime

from temporalio import workflow

from workflows.batch_state import BatchState
from workflows.domain.batches import BatchSpec, OperationResult
from workflows.domain.identity import task_id
from workflows.domain.operations import workflow_type
from workflows.domain.states import TaskStatus
from workflows.domain.task_updates import RUNNING_VERSION, TERMINAL_VERSION, TaskUpdate
from workflows.reporting import Reporter


class TaskReports:
    """Moves operations from state to state, and reports each move."""

    def __init__(self, batch: BatchSpec, state: BatchState, reporter: Reporter) -> None:
        self._batch = batch
        self._operations = {operation.id: operation for operation in batch.operations}
        self._state = state
        self._reporter = reporter

    def started(self, name: str) -> None:
        now = workflow.now()
        self._state.started[name] = now
        self._move(name, TaskStatus.RUNNING, RUNNING_VERSION, started_at=now, progress=0.0, step="started")

    def ended(self, name: str, result: OperationResult) -> None:
        now = workflow.now()
        begun = self._state.started.pop(name, now)
        if result.status is TaskStatus.COMPLETED:
            self._state.note_pace(self._operations[name], (now - begun).total_seconds())
        self._move(
            name,
            result.status,
            TERMINAL_VERSION,
            started_at=begun,
            completed_at=now,
            output=result.output or None,
            error=result.error,
            progress=100.0 if result.status is TaskStatus.COMPLETED else None,
            step=result.error or "done",
        )

    def never_started(self, name: str, reason: str) -> None:
        self._state.started.pop(name, None)
        self._move(
            name,
            TaskStatus.CANCELLED,
            TERMINAL_VERSION,
            completed_at=workflow.now(),
            error=reason,
            step=reason,
        )

    def back_to_pending(self, name: str) -> None:
        """Not reported: it will be started again at once, and its version must not go back."""
        self._state.started.pop(name, None)
        self._state.statuses[name] = TaskStatus.PENDING

    def undone(self, name: str, undone: int, remaining: int) -> None:
        left = f", {remaining} could not be undone" if remaining else ""
        note = f"rolled back: {undone} changes undone{left}"
        self._move(name, self._state.statuses[name], TERMINAL_VERSION + 1, output=note, step=note)

    def _move(
        self,
        name: str,
        status: TaskStatus,
        version: int,
        *,
        step: str,
        started_at: datetime | None = None,
        completed_at: datetime | None = None,
        output: str | None = None,
        error: str | None = None,
        progress: float | None = None,
    ) -> None:
        previous = self._state.statuses[name]
        self._state.statuses[name] = status
        self._reporter.task(
            TaskUpdate(
                id=task_id(self._batch.batch_id, name),
                version=version,
                previous=previous,
                status=status,
                at=workflow.now(),
                name=name,
                workflow_type=workflow_type(self._operations[name]),
                batch_id=self._batch.batch_id,
                started_at=started_at,
                completed_at=completed_at,
                output=output,
                error=error,
                progress=progress,
                step=step,
            )
        )
