"""Executions that were terminated come back once, cancelled, to clear up what they left.

A termination stops a workflow between any two of its steps: what an action gave is then known to Temporal
alone, and nobody settles what was half done. So the execution is reset to where its workflow last decided
something, and what goes on from there is asked to end by itself. Terminated again, it stays so.
"""

import logging

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.resetting import reset, was_reset

log = logging.getLogger(__name__)

ENDINGS = (WorkflowExecutionStatus.TERMINATED, WorkflowExecutionStatus.TIMED_OUT)
"""The ways in which an execution ends without having a say in it."""

CANCEL = "cancel"
"""The signal by which every workflow that does something is cancelled; its argument is the reason."""

_MARK = "cleared up after it was "
"""How the reason of our own resets begins, by which they are known again."""


class Revival:
    """Brings executions back."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def revive(self, workflow_id: str, what: str) -> bool:
        """Whether the latest run of a workflow runs, or does so again.

        Args:
            what: how the reason of its cancellation begins, as `its workflow`.

        Raises:
            RPCError: Temporal is away, or will not.
        """
        try:
            found = await self._client.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        if found.status not in (*ENDINGS, WorkflowExecutionStatus.RUNNING):
            return False
        story = await self._story(found)
        if found.status in ENDINGS:
            if story.came_back or not story.decided:
                # Before its first decision it did nothing.
                return False
            await reset(self._client, found, story.decided, f"{_MARK}{story.ending}")
            log.warning("workflow %s was %s; it is brought back to clear up", found.id, story.ending)
        elif not story.came_back or story.is_told:
            return True
        # A death before this line lets it work on until somebody looks at it again.
        await self._client.get_workflow_handle(workflow_id).signal(CANCEL, f"{what} was {story.ending}")
        return True

    async def _story(self, found: WorkflowExecutionDescription) -> "_Story":
        story = _Story()
        handle = self._client.get_workflow_handle(found.id, run_id=found.run_id)
        async for event in handle.fetch_history_events():
            story.goes_on(event)
        return story


class _Story:
    """What a run's history tells of its end, and of an earlier one."""

    def __init__(self) -> None:
        self.decided = 0
        """The event of its last decision; 0 where it never came to one."""
        self.ending = "terminated"
        """How it ended, or how it had ended before it was brought back."""
        self.came_back = False
        self.is_told = False
        """Whether it was asked to end since it came back."""

    def goes_on(self, event: HistoryEvent) -> None:
        match event.event_type:
            case EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                self.decided = event.event_id
            case EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED if was_reset(event, _MARK):
                message = event.workflow_task_failed_event_attributes.failure.message
                self.came_back, self.ending = True, message.removeprefix(_MARK)
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
                signal = event.workflow_execution_signaled_event_attributes.signal_name
                self.is_told = self.came_back and (self.is_told or signal == CANCEL)
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
                reason = event.workflow_execution_terminated_event_attributes.reason
                self.ending = f"terminated: {reason}" if reason else "terminated"
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
                self.ending = "timed out"
            case _:
                return
