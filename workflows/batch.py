"""The batch: parent of one child workflow per operation."""

import asyncio
from typing import NoReturn

from temporalio import workflow

from workflows import search
from workflows.batch_engine import BatchRun
from workflows.batch_state import BatchInput
from workflows.contracts.records import ExecutionActivities
from workflows.domain.batches import BatchResult
from workflows.domain.locks import LockNews
from workflows.domain.progress import ProgressInfo
from workflows.domain.records import StateSnapshot
from workflows.policies import RECORD


@workflow.defn
class BatchWorkflow:
    """Runs a batch's operations in the order of their dependencies, and undoes them when it must."""

    @workflow.init
    def __init__(self, request: BatchInput) -> None:
        self._run = BatchRun(request.batch, request.state)
        self._cancel_requested = False

    @workflow.run
    async def run(self, request: BatchInput) -> BatchResult:
        """Business failures are a result; only a cancellation from outside ends as cancelled in Temporal."""
        engine = asyncio.create_task(self._run.run())
        while not engine.done():
            try:
                await asyncio.shield(engine)
            except asyncio.CancelledError:
                self._cancel_requested = self._run.state.cancelled_natively = True
                self._run.cancel(workflow.cancellation_reason() or "cancelled")
        result = engine.result()
        if result is None:
            workflow.continue_as_new(BatchInput(batch=request.batch, state=self._run.hand_over()))
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.upsert_search_attributes([search.TASK_STATUS.value_set(result.status.value)])
        if self._run.state.cancelled_natively:
            await self._end_as_cancelled(request.batch.batch_id)
        return result

    async def _end_as_cancelled(self, workflow_id: str) -> NoReturn:
        """Temporal only takes a run for cancelled that was asked to be, and maybe an earlier one was."""
        if not self._cancel_requested:
            asking = asyncio.create_task(
                workflow.execute_activity_method(
                    ExecutionActivities.cancel_execution, workflow_id, summary="end as cancelled", **RECORD
                )
            )
            await asyncio.shield(asking)  # an activity may end at the same time, and must not swallow it
            await workflow.wait_condition(lambda: False)
        raise asyncio.CancelledError

    @workflow.signal
    def cancel(self, reason: str) -> None:
        """Stops the batch; what it built is taken back where rollback is enabled."""
        self._run.cancel(reason)

    @workflow.signal
    def lock_news(self, news: LockNews) -> None:
        self._run.heard(news)

    @workflow.query
    def progress(self) -> ProgressInfo:
        return self._run.progress

    @workflow.query
    def snapshots(self, task_id: str | None = None) -> list[StateSnapshot]:
        """Those of the batch, or of one of its tasks, that the storage may not have yet."""
        return self._run.snapshots(task_id)
