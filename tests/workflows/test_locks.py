"""Batches and rollbacks that want the same servers: one after the other, whatever becomes of them."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from uuid import uuid4

import pytest
from temporalio.client import WorkflowExecutionStatus

from activities.temporal_access import TemporalAccess
from api.locks import Locks
from api.orchestrator import Orchestrator
from tests.support import rollbacks
from tests.support.batches import batch, server_operation, taskserv_operation
from tests.support.engine import Engine, Handle
from tests.support.rollbacks import checkpoint
from tests.support.stack import eventually
from workflows.batch import BatchWorkflow
from workflows.domain.batches import BatchSpec
from workflows.domain.errors import Conflict
from workflows.domain.identity import task_id
from workflows.domain.locks import Lock
from workflows.domain.progress import ProgressInfo
from workflows.domain.states import BatchStatus, TaskStatus
from workflows.domain.touching import Touch


async def locks(engine: Engine, infra: str) -> list[Lock]:
    return [found.lock for found in await door_of(engine).all(infra)]


def of_infra(engine: Engine, infra: str, *wanted: tuple[str, bool]) -> Callable[[], Awaitable[bool]]:
    """Whether just these hold or wait, in this order."""

    async def as_wanted() -> bool:
        return [(lock.holder, lock.held) for lock in await locks(engine, infra)] == list(wanted)

    return as_wanted


async def held(engine: Engine, infra: str) -> tuple[BatchSpec, Handle]:
    """A batch in the middle of making a server that is named like its infra."""
    wanted = batch(server_operation("make", infra=infra, servers=[infra], hold="yes"))
    handle = await engine.start(wanted)
    await eventually(of_infra(engine, infra, (wanted.batch_id, True)))
    # It has its lock before it begins with the server.
    await eventually(lambda: engine.provider.is_held(infra))
    return wanted, handle


async def test_the_second_waits_and_says_for_whom(engine: Engine) -> None:
    first, running = await held(engine, "locks-two")
    second = batch(taskserv_operation("install", infra="locks-two", servers=["locks-two"]))
    waiting = await engine.start(second)
    await eventually(of_infra(engine, "locks-two", (first.batch_id, True), (second.batch_id, False)))

    async def says_so() -> bool:
        progress = await waiting.query(BatchWorkflow.progress)
        assert isinstance(progress, ProgressInfo)
        return first.batch_id in progress.current_step and "infra locks-two" in progress.current_step

    await eventually(says_so)

    async def is_written() -> bool:
        row = await engine.stores.read_model.batch(second.batch_id)
        return row is not None and row.progress is not None and first.batch_id in row.progress.current_step

    await eventually(is_written)
    assert {task.status for task in (await engine.tasks(second)).values()} == {TaskStatus.PENDING}
    # What is done elsewhere waits for nobody.
    other = batch(server_operation("other", infra="locks-two"))
    assert (await engine.run(other)).status is BatchStatus.COMPLETED
    engine.provider.release("locks-two")
    assert (await running.result()).status is BatchStatus.COMPLETED
    assert (await waiting.result()).status is BatchStatus.COMPLETED
    (made,) = await engine.stores.ledger.by_task(task_id(first.batch_id, "make"))
    (installed,) = await engine.stores.ledger.by_task(task_id(second.batch_id, "install"))
    assert made.position < installed.position
    await eventually(of_infra(engine, "locks-two"))


async def test_one_that_waits_can_be_cancelled(engine: Engine) -> None:
    first, running = await held(engine, "locks-cancel")
    second = batch(server_operation("again", infra="locks-cancel", servers=["locks-cancel"]))
    waiting = await engine.start(second)
    await eventually(of_infra(engine, "locks-cancel", (first.batch_id, True), (second.batch_id, False)))
    await waiting.signal(BatchWorkflow.cancel, "not any more")
    result = await waiting.result()
    assert (result.status, result.cancelled) == (BatchStatus.CANCELLED, 1)
    await eventually(of_infra(engine, "locks-cancel", (first.batch_id, True)))
    await running.signal(BatchWorkflow.cancel, "neither")
    assert (await running.result()).status is BatchStatus.CANCELLED
    await eventually(of_infra(engine, "locks-cancel"))


async def test_a_holder_that_was_terminated_is_found_out_once_its_operations_have_ended(
    engine: Engine,
) -> None:
    first, running = await held(engine, "locks-killed")
    second = batch(server_operation("again", infra="locks-killed", servers=["locks-killed"]))
    waiting = await engine.start(second)
    await eventually(of_infra(engine, "locks-killed", (first.batch_id, True), (second.batch_id, False)))
    await running.terminate("by hand")
    child = engine.client.get_workflow_handle(task_id(first.batch_id, "make"))
    # Its operation still works on the server, so nobody else may.
    assert (await child.describe()).status is WorkflowExecutionStatus.RUNNING
    engine.provider.release("locks-killed")
    result = await waiting.result()
    assert result.status is BatchStatus.COMPLETED
    ended, started = (await child.describe()).close_time, (await engine.tasks(second))["again"].started_at
    assert ended is not None and started is not None and ended < started


async def test_a_rollback_is_refused_where_somebody_works_and_told_who(engine: Engine) -> None:
    door = door_of(engine)
    touched = [Touch(infra="locks-a", names=("x",)), Touch(infra="locks-refuse", names=("locks-refuse",))]
    first, running = await held(engine, "locks-refuse")
    with pytest.raises(Conflict, match=first.batch_id):
        await door.take_now("nobody", "rollback of x", touched)
    # What it had got of another infra was given back.
    await eventually(of_infra(engine, "locks-a"))
    engine.provider.release("locks-refuse")
    await running.result()
    holder = str(uuid4())
    await door.take_now(holder, "rollback of x", touched)
    await door.take_now(holder, "rollback of x", touched)
    with pytest.raises(Conflict, match=holder):
        await door.take_now("another", "rollback of y", touched[:1])
    listed = [lock for infra in ("locks-a", "locks-refuse") for lock in await door.all(infra)]
    assert [(lock.infra, lock.lock.holder) for lock in listed] == [
        ("locks-a", holder),
        ("locks-refuse", holder),
    ]
    await door.withdraw(holder, touched)
    await door.take_now("another", "rollback of y", touched)
    await door.withdraw("another", touched)


async def test_batches_wait_for_a_rollback(engine: Engine) -> None:
    before = await checkpoint(engine)
    await engine.run(batch(server_operation("slow", infra="locks-back", servers=["back"], hold_delete="yes")))
    plan = await rollbacks.planner(engine).to_checkpoint(before)
    rollback = await rollbacks.start(engine, plan)
    await eventually(of_infra(engine, "locks-back", (rollback.id, True)))
    again = batch(server_operation("slow", infra="locks-back", servers=["back"]))
    waiting = await engine.start(again)
    await eventually(of_infra(engine, "locks-back", (rollback.id, True), (again.batch_id, False)))
    engine.provider.release("back")
    assert (await rollback.result()).status is TaskStatus.COMPLETED
    assert (await waiting.result()).status is BatchStatus.COMPLETED
    made = await engine.stores.ledger.page(server="locks-back/back", limit=9, offset=0)
    assert [entry.effect.kind.value for entry in made.items] == [
        "server_created",
        "server_deleted",
        "server_created",
    ]


async def test_nobody_waits_for_ever_where_infras_are_shared_crosswise(engine: Engine) -> None:
    """Each of 12 batches wants servers of two infras, half of them in the other order."""
    infras = ("locks-x", "locks-y")
    wanted = [
        batch(
            *(
                taskserv_operation(f"on-{infra}", infra=infra, servers=["web"], seconds=0.05)
                for infra in (infras if number % 2 else reversed(infras))
            )
        )
        for number in range(12)
    ]
    await engine.run(batch(*(server_operation(infra, infra=infra, servers=["web"]) for infra in infras)))
    results = await engine.run_all(wanted)
    assert {result.status for result in results} == {BatchStatus.COMPLETED}
    spans = sorted([await span(engine, one) for one in wanted])
    assert all(ended <= started for (_, ended), (started, _) in pairwise(spans))


async def span(engine: Engine, wanted: BatchSpec) -> tuple[float, float]:
    tasks = (await engine.tasks(wanted)).values()
    started = [task.started_at.timestamp() for task in tasks if task.started_at]
    ended = [task.completed_at.timestamp() for task in tasks if task.completed_at]
    assert len(started) == len(ended) == len(tasks)
    return min(started), max(ended)


async def test_in_the_strict_sandbox(strict_engine: Engine) -> None:
    wanted = [batch(server_operation("make", infra="locks-strict", servers=["web"])) for _ in range(3)]
    results = await asyncio.gather(*(strict_engine.run(one) for one in wanted))
    assert {result.status for result in results} == {BatchStatus.COMPLETED}


def door_of(engine: Engine) -> Locks:
    config = engine.client.service_client.config
    return Locks(
        Orchestrator(TemporalAccess(config.target_host, engine.client.namespace), engine.task_queue),
        engine.task_queue,
    )
