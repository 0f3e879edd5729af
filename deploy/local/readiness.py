"""Whether the stack does its work."""

import httpx
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError


async def is_healthy(api: httpx.AsyncClient) -> bool:
    """Whether the API answers, and reaches Temporal and MongoDB."""
    try:
        return (await api.get("/health")).is_success
    except httpx.HTTPError:
        return False


async def is_polled(client: Client, task_queue: str) -> bool:
    """Whether a worker takes both workflows and activities from the queue."""
    for kind in (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY):
        request = DescribeTaskQueueRequest(
            namespace=client.namespace, task_queue=TaskQueue(name=task_queue), task_queue_type=kind
        )
        try:
            answer = await client.workflow_service.describe_task_queue(request)
        except RPCError:
            return False
        if not answer.pollers:
            return False
    return True
