"""A workflow whose history no replay gives is set back to before it went astray, and goes on from there."""

import asyncio
from datetime import timedelta
from uuid import uuid4

from temporalio import activity, workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.repair import Repair
from tests.support.batches import batch, server_operation
from tests.support.engine import Engine
from tests.support.stack import eventually
from workflows.domain.identity import task_id
from workflows.domain.states import BatchStatus

TIMER_FIRST = True


@activity.defn
async def work() -> str:
    return "done"


@workflow.defn
class Fickle:
    """Decides in one of two orders, as somebody outside says: which is what no workflow may do."""

    def __init__(self) -> None:
        self._steps: list[str] = []
        self._more = 0

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: self._more >= 1)
        both = [self._timer, self._work]
        for step in both if TIMER_FIRST else reversed(both):
            await step()
        await workflow.wait_condition(lambda: self._more >= 2)
        return self._steps

    async def _timer(self) -> None:
        await asyncio.sleep(0.1)
        self._steps.append("timer")

    async def _work(self) -> None:
        timeout = timedelta(seconds=10)
        self._steps.append(await workflow.execute_activity(work, start_to_close_timeout=timeout))

    @workflow.signal
    def more(self) -> None:
        self._more += 1


async def test_what_cannot_be_replayed_is_set_back_and_goes_on(temporal: Client) -> None:
    global TIMER_FIRST  # noqa: PLW0603 - that it changes is the point
    queue = f"fickle-{uuid4()}"
    worker = Worker(
        temporal,
        task_queue=queue,
        workflows=[Fickle],
        activities=[work],
        workflow_runner=UnsandboxedWorkflowRunner(),
        # So that each decision is a replay.
        max_cached_workflows=0,
    )
    async with worker:
        handle = await temporal.start_workflow(Fickle.run, id=queue, task_queue=queue)
        TIMER_FIRST = True
        await handle.signal(Fickle.more)

        async def both_done() -> bool:
            history = await handle.fetch_history()
            return EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED in {one.event_type for one in history.events}

        await eventually(both_done)
        TIMER_FIRST = False
        again = temporal.get_workflow_handle(queue)

        async def goes_on() -> bool:
            await Repair(temporal, queue).look()
            return (await again.describe()).run_id != handle.first_execution_run_id

        await handle.signal(Fickle.more)
        await eventually(goes_on)
        async with asyncio.timeout(60):
            assert await again.result() == ["done", "timer"]


async def test_an_operation_that_is_set_back_still_tells_its_batch_how_it_ended(engine: Engine) -> None:
    wanted = batch(server_operation("rs-held", hold="yes"))
    handle = await engine.start(wanted)
    await eventually(lambda: engine.provider.is_held("rs-held"))
    operation = engine.client.get_workflow_handle(task_id(handle.id, "rs-held"))
    history = await operation.fetch_history()
    completed = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    decision = max(event.event_id for event in history.events if event.event_type == completed)
    reset = ResetWorkflowExecutionRequest(
        namespace=engine.client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=operation.id),
        reason="a test",
        workflow_task_finish_event_id=decision,
        request_id=str(uuid4()),
    )
    await engine.client.workflow_service.reset_workflow_execution(reset)
    engine.provider.release("rs-held")
    async with asyncio.timeout(60):
        result = await handle.result()
    assert (result.status, result.completed) == (BatchStatus.COMPLETED, 1)
    assert (await operation.describe()).status is WorkflowExecutionStatus.COMPLETED
    assert "default/rs-held" in engine.provider.servers
