"""Waits for workflow executions, for a batch whose earlier run started them."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.service import RPCError, RPCStatusCode

from activities.heartbeat import heartbeat
from activities.revival import Revival
from workflows.contracts.records import ExecutionActivities
from workflows.domain.batches import OperationResult
from workflows.domain.states import TaskStatus
from workflows.failure_text import failure_text

WAIT = 10.0
"""Seconds that one attempt at waiting holds its place in the worker, of which there are some hundred. Without
an end, batches that are continued could hold all of them, and with that up what they wait for."""

_PAUSE = timedelta(seconds=0.5)
"""Until the next attempt, behind what waits for a place by then."""

_ITS_WORKFLOW = "its workflow"


class Executions(ExecutionActivities):
    def __init__(self, client: Client) -> None:
        self._client = client
        self._revival = Revival(client)

    async def await_operation(self, task_id: str) -> OperationResult | None:
        handle: WorkflowHandle[Any, OperationResult] = self._client.get_workflow_handle(
            task_id, result_type=OperationResult
        )
        async with heartbeat():
            try:
                async with asyncio.timeout(WAIT):
                    return await self._ended(handle)
            except TimeoutError:
                raise ApplicationError(
                    f"operation {task_id} has not ended yet",
                    type="NotEnded",
                    next_retry_delay=_PAUSE,
                    category=ApplicationErrorCategory.BENIGN,
                ) from None

    async def _ended(self, handle: WorkflowHandle[Any, OperationResult]) -> OperationResult | None:
        while True:
            try:
                return _as_failure(await handle.result())
            except WorkflowFailureError as error:
                if not await self._revival.revive(handle.id, _ITS_WORKFLOW):
                    ended = f"its workflow ended without a result: {failure_text(error.cause)}"
                    return OperationResult(status=TaskStatus.FAILED, error=ended)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return None
                raise

    async def cancel_execution(self, workflow_id: str) -> None:
        try:
            await self._client.get_workflow_handle(workflow_id).cancel()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise


def _as_failure(result: OperationResult) -> OperationResult:
    """Nobody of ours cancelled an operation that only came back to clear up: it failed."""
    if result.status is TaskStatus.CANCELLED and (result.error or "").startswith(_ITS_WORKFLOW):
        return result.model_copy(update={"status": TaskStatus.FAILED})
    return result
