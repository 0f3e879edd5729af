"""Waits for workflow executions, for a batch whose earlier run started them."""

from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from activities.heartbeat import heartbeat
from workflows.contracts.records import ExecutionActivities
from workflows.domain.batches import OperationResult
from workflows.domain.states import TaskStatus
from workflows.failure_text import failure_text


class Executions(ExecutionActivities):
    def __init__(self, client: Client) -> None:
        self._client = client

    async def await_operation(self, task_id: str) -> OperationResult | None:
        handle: WorkflowHandle[Any, OperationResult] = self._client.get_workflow_handle(
            task_id, result_type=OperationResult
        )
        async with heartbeat():
            try:
                return await handle.result()
            except WorkflowFailureError as error:
                return OperationResult(status=TaskStatus.FAILED, error=failure_text(error.cause))
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
