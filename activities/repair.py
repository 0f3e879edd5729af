"""Executions that cannot be replayed are set back to before their history went astray.

Asked for a query on a workflow that it has to replay first, the SDK also takes in what has happened since the
workflow's last decision. Where the query was on its way when its worker died, the decision that follows is
then recorded in an order that no replay gives (temporalio 1.35; seen once in 30 rounds of killing workers
under load). The next worker stumbles over it for ever. What is decided anew from there does nothing twice,
since each action has a key.
"""

import logging
import re

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError, RPCStatusCode

from activities.resetting import reset, was_reset

log = logging.getLogger(__name__)

PROBLEM = "cause=WorkflowTaskFailedCauseNonDeterministicError"
"""What the server then says of an execution in `TemporalReportedProblems`."""

MOST_REPAIRS = 5
"""Of one run: what needs more has another cause, as code that was changed without a patch."""

_MARK = "set back to before what cannot be replayed"
_ASTRAY = re.compile(r"HistoryEvent\(id: (\d+)")
_NON_DETERMINISTIC = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR


class Repair:
    """For the workflows of one task queue."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._query = (
            f"TaskQueue = '{task_queue}' AND ExecutionStatus = 'Running'"
            f" AND TemporalReportedProblems = '{PROBLEM}'"
        )
        self._given_up: set[str] = set()

    async def look(self) -> None:
        """Sets back whatever is stuck now.

        Raises:
            RPCError: Temporal is away.
        """
        try:
            stuck = [execution async for execution in self._client.list_workflows(self._query)]
        except RPCError as error:
            # An older server does not report them.
            if error.status is not RPCStatusCode.INVALID_ARGUMENT:
                raise
            return
        for execution in stuck:
            try:
                await self._set_back(execution)
            except RPCError:
                # The others are none the less looked after.
                log.exception("workflow %s cannot be set back now", execution.id)

    async def _set_back(self, execution: WorkflowExecution) -> None:
        decisions, repairs, message = [], 0, ""
        handle = self._client.get_workflow_handle(execution.id, run_id=execution.run_id)
        async for event in handle.fetch_history_events():
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                decisions.append(event.event_id)
            elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                failed = event.workflow_task_failed_event_attributes
                repairs += was_reset(event, _MARK)
                message = failed.failure.message if failed.cause == _NON_DETERMINISTIC else ""
        point = _point(decisions, message, repairs)
        if point is None or repairs >= MOST_REPAIRS:
            if execution.run_id not in self._given_up:
                self._given_up.add(execution.run_id)
                log.error("workflow %s cannot be replayed, and setting it back does not help", execution.id)
            return
        await reset(self._client, execution, point, _MARK)
        log.warning("workflow %s could not be replayed; it is set back to event %s", execution.id, point)


def _point(decisions: list[int], message: str, repairs: int) -> int | None:
    """The decision to take anew: the last before the event that no replay gives, where the message names it.

    Else the last one; one further back each time that this did not help.
    """
    if named := _ASTRAY.search(message):
        decisions = [decision for decision in decisions if decision < int(named[1])]
        repairs = 0
    return decisions[-1 - repairs] if len(decisions) > repairs else None
