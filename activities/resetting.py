"""Sets an execution back to one of its decisions, and knows such a reset again in its history."""

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.client import WorkflowExecution as Listed

_RESET = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW


async def reset(client: Client, execution: Listed, decision: int, reason: str) -> None:
    """The decision, an event of that run, is taken anew by a new run. Asking again changes nothing.

    Raises:
        RPCError: Temporal is away, or will not.
    """
    request = ResetWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=execution.id, run_id=execution.run_id),
        reason=reason,
        workflow_task_finish_event_id=decision,
        request_id=f"{execution.run_id}-reset",
    )
    await client.workflow_service.reset_workflow_execution(request)


def was_reset(event: HistoryEvent, reason: str) -> bool:
    """Whether a failed workflow task stands for a reset with a reason that begins so."""
    failed = event.workflow_task_failed_event_attributes
    return failed.cause == _RESET and failed.failure.message.startswith(reason)
