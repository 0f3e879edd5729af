"""How a batch waits for operations that an earlier run of it has started."""

import asyncio
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHandle
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities import executions
from activities.executions import Executions
from tests.support.batches import batch, server_operation
from tests.support.engine import Engine
from tests.support.stack import eventually
from workflows.children import Children
from workflows.domain.batches import OperationResult
from workflows.domain.identity import task_id
from workflows.domain.states import TaskStatus

Results = list[OperationResult | None]


@workflow.defn
class Continued:
    """A batch that was continued, with nothing to do but to wait."""

    @workflow.run
    async def run(self, operations: list[str]) -> Results:
        children = Children(lambda: None)
        return await asyncio.gather(*(children.attach(operation) for operation in operations))


Handle = WorkflowHandle[Continued, Results]


async def test_waiting_leaves_room_in_the_worker_for_what_is_waited_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executions, "WAIT", 0.2)
    wanted = batch(server_operation("wa-held", hold="yes"))
    held = await engine.start(wanted)
    await eventually(lambda: engine.provider.is_held("wa-held"))
    ended = batch(server_operation("wa-ended"))
    await engine.run(ended)
    others = [task_id(ended.batch_id, "wa-ended"), task_id(held.id, "wa-never")]
    queue = f"attaching-{uuid4()}"

    async def start(name: str, operations: list[str]) -> Handle:
        return await engine.client.start_workflow(
            Continued.run, operations, id=f"{queue}-{name}", task_queue=queue
        )

    async with Worker(
        engine.client,
        task_queue=queue,
        workflows=[Continued],
        activities=Executions(engine.client).activities(),
        max_concurrent_activities=1,
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        first = await start("first", [task_id(held.id, "wa-held")])

        async def has_begun() -> bool:
            pending = (await first.describe()).raw_description.pending_activities
            return any(one.attempt > 1 or one.HasField("last_started_time") for one in pending)

        await eventually(has_begun)
        async with asyncio.timeout(120):
            results = await (await start("second", others)).result()
        assert [one and one.status for one in results] == [TaskStatus.COMPLETED, None]
        engine.provider.release("wa-held")
        async with asyncio.timeout(120):
            (result,) = await first.result()
            await held.result()  # others compare what the engine has before and after
    assert result is not None and result.status is TaskStatus.COMPLETED
