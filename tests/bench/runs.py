"""One measured run of either side: from the start of the parent until its result is here."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHandle, WorkflowHistoryEventFilterType

from tests.bench.bare import BareParent, BareRequest
from tests.bench.stage import Stage
from tests.support.batches import batch, server_operation
from workflows.batch import BatchWorkflow
from workflows.batch_state import BatchInput
from workflows.domain.batches import BatchSpec
from workflows.domain.identity import task_id
from workflows.domain.states import BatchStatus
from workflows.search import of_batch

Side = Literal["bare", "ours"]

_AT_ONCE = 20
"""Histories that are counted at the same time."""


@dataclass(frozen=True)
class Run:
    """`seconds` of wall time, history events, and CPU seconds of the worker and of what stands behind it."""

    side: Side
    operations: int
    parallel_limit: int
    seconds: float
    parent_events: int
    parent_runs: int
    child_events: int
    cpu: dict[str, float]

    @property
    def events(self) -> int:
        return self.parent_events + self.child_events


async def measure(stage: Stage, side: Side, operations: int, parallel_limit: int) -> Run:
    """Runs a batch of servers that cost nothing, or the bare shape of one; counts the events afterwards."""
    before = stage.cpu_seconds()
    start = time.perf_counter()
    if side == "ours":
        client, parent, children = stage.ours, *await _ours(stage.ours, operations, parallel_limit)
    else:
        client, parent, children = stage.bare, *await _bare(stage.bare, operations, parallel_limit)
    seconds = time.perf_counter() - start
    after = stage.cpu_seconds()
    parent_events = [events async for events in _events_of_runs(client, parent)]
    return Run(
        side=side,
        operations=operations,
        parallel_limit=parallel_limit,
        seconds=seconds,
        parent_events=sum(parent_events),
        parent_runs=len(parent_events),
        child_events=await _events(client, children),
        cpu={
            "worker": after[side] - before[side],
            **{part: after[part] - before[part] for part in ("temporal", "mongodb")},
        },
    )


async def _ours(client: Client, operations: int, parallel_limit: int) -> tuple[str, list[str]]:
    wanted = _batch(operations, parallel_limit)
    result = await client.execute_workflow(
        BatchWorkflow.run,
        BatchInput(batch=wanted),
        id=wanted.batch_id,
        task_queue="ours",
        search_attributes=of_batch(wanted),
    )
    if (result.status, result.completed) != (BatchStatus.COMPLETED, operations):
        raise RuntimeError(f"the batch did not complete: {result}")
    return wanted.batch_id, [task_id(wanted.batch_id, one.id) for one in wanted.operations]


async def _bare(client: Client, operations: int, parallel_limit: int) -> tuple[str, list[str]]:
    request = BareRequest(batch=str(uuid4()), count=operations, parallel_limit=parallel_limit)
    done = await client.execute_workflow(BareParent.run, request, id=request.batch, task_queue="bare")
    if done != operations:
        raise RuntimeError(f"{done} of {operations} bare children ended")
    return request.batch, [f"{request.batch}-{number}" for number in range(operations)]


def _batch(operations: int, parallel_limit: int) -> BatchSpec:
    """Each in an infra of its own: all batches share one provider."""
    wanted = batch(parallel_limit=parallel_limit)
    servers = tuple(server_operation(f"op-{n}", infra=wanted.batch_id) for n in range(operations))
    return wanted.model_copy(update={"operations": servers})


async def _events(client: Client, workflow_ids: Iterable[str]) -> int:
    slots = asyncio.Semaphore(_AT_ONCE)

    async def count(workflow_id: str) -> int:
        async with slots:
            return (await _last_event(client.get_workflow_handle(workflow_id))).event_id

    return sum(await asyncio.gather(*(count(workflow_id) for workflow_id in workflow_ids)))


async def _events_of_runs(client: Client, workflow_id: str) -> AsyncIterator[int]:
    """The history events of each run of a closed workflow, from its first run on."""
    run_id = await _first_run(client, workflow_id)
    while run_id:
        last = await _last_event(client.get_workflow_handle(workflow_id, run_id=run_id))
        yield last.event_id
        continued = last.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW
        next_run = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        run_id = next_run if continued else ""


async def _last_event(handle: WorkflowHandle[Any, Any]) -> HistoryEvent:
    """The event that closed the workflow. Ids count from 1 and have no gaps."""
    closing = WorkflowHistoryEventFilterType.CLOSE_EVENT
    return [event async for event in handle.fetch_history_events(event_filter_type=closing)][-1]


async def _first_run(client: Client, workflow_id: str) -> str:
    latest = client.get_workflow_handle(workflow_id)
    async for event in latest.fetch_history_events(page_size=1):
        return event.workflow_execution_started_event_attributes.first_execution_run_id
    raise RuntimeError(f"workflow {workflow_id} has no history")
