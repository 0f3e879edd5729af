"""What Temporal says about its namespace, and about who polls the task queue."""

import asyncio
import time

from temporalio.api.enums.v1 import NamespaceState, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, DescribeTaskQueueRequest
from temporalio.service import RPCError, RPCStatusCode

from api.orchestrator import Orchestrator
from workflows.domain.errors import Unavailable

POLLED_WITHIN = 90.0
"""Seconds within which a worker that lives polls anew: an empty poll lasts 60."""

_KINDS = (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)
_NOT_OURS_TO_ASK = (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED)


async def check_namespace(orchestrator: Orchestrator) -> None:
    """Raises Unavailable where Temporal does not answer, or has not got the namespace."""
    await orchestrator.check()
    client = await orchestrator.client()
    try:
        found = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace)
        )
    except RPCError as error:
        if error.status in _NOT_OURS_TO_ASK:
            return
        if error.status is RPCStatusCode.NOT_FOUND:
            raise Unavailable("the namespace does not exist") from error
        raise Unavailable("Temporal does not answer") from error
    if found.namespace_info.state != NamespaceState.NAMESPACE_STATE_REGISTERED:
        raise Unavailable("the namespace is not active")


class Pollers:
    """Whether anybody polls the queue, for workflows and for activities.

    Temporal keeps a dead poller on its list for minutes. It also says when each one came last, by its own
    clock; so what counts is not how long ago that was but whether it changes from look to look.
    """

    def __init__(self, orchestrator: Orchestrator, task_queue: str) -> None:
        self._orchestrator = orchestrator
        self._queue = TaskQueue(name=task_queue)
        self._newest: dict[int, tuple[int, float]] = {}
        """For each kind: when the last poller came, and when we first saw that, each by its own clock."""

    async def are_there(self) -> bool:
        """Raises Unavailable where Temporal does not answer."""
        return all(await asyncio.gather(*(self._polled(kind) for kind in _KINDS)))

    async def _polled(self, kind: TaskQueueType.ValueType) -> bool:
        client = await self._orchestrator.client()
        request = DescribeTaskQueueRequest(
            namespace=client.namespace, task_queue=self._queue, task_queue_type=kind
        )
        try:
            answer = await client.workflow_service.describe_task_queue(request)
        except RPCError as error:
            raise Unavailable("Temporal does not answer") from error
        newest = max((p.last_access_time.ToMilliseconds() for p in answer.pollers), default=None)
        if newest is None:
            return False
        now = time.monotonic()
        known, since = self._newest.get(kind, (0, now))
        if newest != known:
            since = now
        self._newest[kind] = (newest, since)
        return now - since < POLLED_WITHIN
