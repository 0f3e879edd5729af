"""Looks after executions that ended without a say in it, and those that are stuck."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from activities.ports import ReadModel
from activities.repair import Repair
from activities.revival import ENDINGS, Revival
from workflows.contracts.records import RecordActivities
from workflows.domain.errors import ProvisioningError, Unavailable
from workflows.domain.progress import ProgressInfo
from workflows.domain.records import BatchRecord, BatchUpdate, Report, TaskRecord
from workflows.domain.states import BatchStatus, TaskStatus
from workflows.domain.task_updates import TERMINAL_VERSION, TaskUpdate
from workflows.kinds import OPERATIONS

log = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds between two looks."""

_LISTED_WITHIN = timedelta(minutes=5)
"""How long after an end it may not be listed yet."""

_OPERATIONS = ", ".join(f"'{one.__name__}'" for one in OPERATIONS)
_AT_MOST = 1000
_LATER = 1_000_000
"""Reports that a batch may still have had in flight; what is written here counts as later."""

_WHAT = {
    WorkflowExecutionStatus.TERMINATED: "was terminated",
    WorkflowExecutionStatus.TIMED_OUT: "timed out",
    WorkflowExecutionStatus.FAILED: "failed",
}


class Aftercare:
    """For batches, rollbacks and single tasks of a task queue; a batch looks after its operations itself."""

    def __init__(self, client: Client, task_queue: str, rows: ReadModel, records: RecordActivities) -> None:
        self._client = client
        self._task_queue = task_queue
        self._rows = rows
        self._records = records
        self._revival = Revival(client)
        self._repair = Repair(client, task_queue)
        self._left: set[str] = set()
        """What ended while the database was away: it may be listed no more when that is back."""

    async def look(self, since: datetime | None) -> None:
        """Looks after what is stuck, and what ended since then, or ever. What cannot be done now is logged.

        Raises:
            RPCError: Temporal is away.
        """
        await self._repair.look()
        for workflow_id in sorted(self._left):
            await self._look_after(workflow_id)
        async for execution in self._client.list_workflows(self._query(since), limit=_AT_MOST):
            await self._look_after(execution.id)

    async def _look_after(self, workflow_id: str) -> None:
        try:
            if not await self._revival.revive(workflow_id, "its workflow"):
                await self._settle(workflow_id)
        except (RPCError, ProvisioningError, ApplicationError) as error:
            log.exception("workflow %s ended, and cannot be looked after now", workflow_id)
            if _passes(error):
                self._left.add(workflow_id)
        else:
            self._left.discard(workflow_id)

    def _query(self, since: datetime | None) -> str:
        later = f" AND CloseTime > '{since.isoformat()}'" if since is not None else ""
        return (
            f"TaskQueue = '{self._task_queue}' AND ExecutionStatus IN ('Terminated', 'TimedOut', 'Failed')"
            " AND (WorkflowType IN ('BatchWorkflow', 'RollbackWorkflow')"
            f" OR WorkflowType IN ({_OPERATIONS}) AND BatchId IS NULL){later}"
        )

    async def _settle(self, workflow_id: str) -> None:
        """Writes down that it ended, where its row says that it has not."""
        found = await self._client.get_workflow_handle(workflow_id).describe()
        if found.status not in (*ENDINGS, WorkflowExecutionStatus.FAILED):
            return
        batch, task = await self._rows.batch(workflow_id), await self._rows.task(workflow_id)
        if batch is not None and not batch.status.is_terminal:
            await self._records.write_report(await self._end_of_batch(batch, found))
        elif task is not None and not task.status.is_terminal:
            report = Report(owner=task.id, number=_number(found), tasks=(_end_of_task(task, found),))
            await self._records.write_report(report)

    async def _end_of_batch(self, batch: BatchRecord, found: WorkflowExecutionDescription) -> Report:
        tasks = await self._rows.tasks_of([batch.id])
        unfinished = [task for task in tasks if not task.status.is_terminal]
        counts = Counter(task.status for task in tasks if task.status.is_terminal)
        counts[TaskStatus.FAILED] += len(unfinished)
        progress = batch.progress or ProgressInfo(
            workflow_id=batch.id,
            progress=0.0,
            current_step="",
            total_steps=max(1, len(tasks)),
            completed_steps=0,
        )
        update = BatchUpdate(
            id=batch.id,
            version=batch.version + _LATER,
            status=BatchStatus.FAILED,
            phase="failed",
            at=_closed(found),
            progress=progress.model_copy(update={"current_step": "failed", "estimated_time_remaining": 0}),
            counts=dict(counts),
            completed_at=_closed(found),
            error=_error(found),
        )
        return Report(
            owner=batch.id,
            number=_number(found),
            storage_backend=batch.storage_backend,
            tasks=tuple(_end_of_task(task, found) for task in unfinished),
            batch=update,
        )


def _passes(error: Exception) -> bool:
    """Whether the database was away. Records fail as activities do."""
    return isinstance(error, Unavailable) or (isinstance(error, ApplicationError) and not error.non_retryable)


def _end_of_task(task: TaskRecord, found: WorkflowExecutionDescription) -> TaskUpdate:
    return TaskUpdate(
        id=task.id,
        version=TERMINAL_VERSION,
        previous=task.status,
        status=TaskStatus.FAILED,
        at=_closed(found),
        name=task.name,
        workflow_type=task.workflow_type,
        batch_id=task.batch_id,
        completed_at=_closed(found),
        error=_error(found),
        step="ended without a result",
    )


def _number(found: WorkflowExecutionDescription) -> str:
    return f"{found.run_id}-ended"


def _closed(found: WorkflowExecutionDescription) -> datetime:
    return found.close_time or datetime.now(UTC)


def _error(found: WorkflowExecutionDescription) -> str:
    how = _WHAT[found.status] if found.status is not None else "ended"
    return f"its workflow {how} and could not clear up; the effects that are left can be rolled back"


@contextlib.asynccontextmanager
async def looking_after(aftercare: Aftercare, every: float = EVERY) -> AsyncIterator[None]:
    """Looks again and again while the block runs. Never fails, and never holds the block up."""
    looking = asyncio.create_task(_look(aftercare, every))
    try:
        yield
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking


async def _look(aftercare: Aftercare, every: float) -> None:
    since: datetime | None = None
    while True:
        begun = datetime.now(UTC)
        try:
            await aftercare.look(since)
            since = begun - _LISTED_WITHIN
        except RPCError as error:
            log.info("what was terminated cannot be looked for now: %s", error.message)
        except Exception:
            log.exception("a look for what was terminated failed")
        await asyncio.sleep(every)
