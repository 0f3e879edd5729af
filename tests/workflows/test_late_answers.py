"""A list of locks is told who has ended, and what it was told is late."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from workflows.contracts.locks import LockActivities, LockWanted
from workflows.domain.locks import Lock, LockRequest
from workflows.locks import LocksInput, LocksWorkflow


class Slow(LockActivities):
    """Says of everybody that they have ended, and takes its time over it."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()

    async def ask_for_lock(self, wanted: LockWanted) -> None:
        raise NotImplementedError

    async def ended_holders(self, locks: list[Lock]) -> list[str]:
        self.asked.set()
        await self.answers.wait()
        return [lock.holder for lock in locks]


def request(holder: str) -> LockRequest:
    return LockRequest(holder=holder, what=holder, names=("web",), at=datetime.now(UTC))


async def test_a_holder_that_began_while_it_was_asked_about_keeps_its_lock(temporal: Client) -> None:
    slow, queue = Slow(), f"locks-{uuid4()}"
    async with Worker(
        temporal,
        task_queue=queue,
        workflows=[LocksWorkflow],
        activities=[slow.ask_for_lock, slow.ended_holders],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        locks = await temporal.start_workflow(
            LocksWorkflow.run, LocksInput(infra=queue), id=f"locks/{queue}", task_queue=queue
        )
        assert await locks.execute_update(LocksWorkflow.ask_now, request("rollback")) == []
        other = asyncio.create_task(locks.execute_update(LocksWorkflow.ask_now, request("batch")))
        await slow.asked.wait()
        await locks.signal(LocksWorkflow.ask, request("rollback"))
        slow.answers.set()
        assert [lock.holder for lock in await other] == ["rollback"]
        held = await locks.query(LocksWorkflow.locks)
        assert [(lock.holder, lock.held) for lock in held] == [("rollback", True)]
        await locks.terminate()
