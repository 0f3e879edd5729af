"""A dev server that suggests to continue as new so early that a batch of some dozens has several runs."""

from collections.abc import AsyncIterator

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory

SUGGESTED_AFTER = 50
"""Events in a history from which on a continuation is suggested."""

FLAGS = ("--dynamic-config-value", f"limit.historyCount.suggestContinueAsNew={SUGGESTED_AFTER}")


async def runs_of(client: Client, workflow_id: str) -> AsyncIterator[WorkflowHistory]:
    """The histories of a workflow's runs so far, from the first one on."""
    latest = await client.get_workflow_handle(workflow_id).fetch_history()
    run_id = latest.events[0].workflow_execution_started_event_attributes.first_execution_run_id
    while run_id:
        history = await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
        yield history
        last = history.events[-1]
        continued = last.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW
        next_run = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        run_id = next_run if continued else ""
