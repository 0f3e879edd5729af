"""What is continued as new again and again loses nothing and does nothing twice."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import CancelledError

from tests.replay.brief import runs_of
from tests.replay.scenarios import continued, wide
from tests.support.batches import batch, server_operation, taskserv_operation
from tests.support.engine import Engine, running_engine
from tests.support.held_records import HeldRecords
from tests.support.mongodb import EmbeddedMongo
from tests.support.rollbacks import back_to, checkpoint, planner, start
from tests.support.stack import eventually
from workflows.batch import BatchWorkflow
from workflows.domain.batches import BatchSpec
from workflows.domain.inventory import LedgerEntry
from workflows.domain.states import BatchStatus, TaskStatus
from workflows.locks import locks_id
from workflows.rollback import RollbackWorkflow


async def entries(engine: Engine, wanted: BatchSpec) -> list[LedgerEntry]:
    page = await engine.stores.ledger.page(batch_id=wanted.batch_id, limit=1000, offset=0)
    assert len(page.items) == page.total
    return list(page.items)


async def runs(engine: Engine, wanted: BatchSpec) -> int:
    return len([run async for run in runs_of(engine.client, wanted.batch_id)])


async def assert_all_undone(engine: Engine, wanted: BatchSpec, infra: str) -> None:
    """Each thing that was done was undone, once; nothing is left at the provider or in the inventory."""
    written = await entries(engine, wanted)
    done = {entry.effect.id: entry for entry in written if entry.effect.cause.undoes is None}
    undoing = Counter(entry.effect.cause.undoes for entry in written if entry.effect.cause.undoes)
    assert undoing == Counter(done.keys())
    assert [key for key in engine.provider.servers if key.startswith(f"{infra}/")] == []
    assert await engine.stores.inventory.servers(infra) == []


async def test_everything_is_done_once(brief_engine: Engine) -> None:
    wanted = wide("all-once", 60)
    result = await brief_engine.run(wanted)
    assert (result.status, result.completed) == (BatchStatus.COMPLETED, 60)
    assert await runs(brief_engine, wanted) > 2
    done = Counter(entry.effect.key for entry in await entries(brief_engine, wanted))
    servers = {f"server:all-once/web-{n}" for n in range(30)}
    services = {f"taskserv:all-once/web-{n}/beacon" for n in range(30)}
    assert done == Counter(servers | services)
    tasks = (await brief_engine.tasks(wanted)).values()
    assert Counter(task.status for task in tasks) == {TaskStatus.COMPLETED: 60}
    assert len(await brief_engine.stores.inventory.servers("all-once")) == 30


async def test_a_rollback_goes_on_over_runs(brief_engine: Engine) -> None:
    wanted = wide("all-back", 30, failing=True)
    result = await brief_engine.run(wanted)
    assert (result.status, result.completed, result.failed) == (BatchStatus.FAILED, 30, 1)
    assert result.remaining == ()
    undoing = [
        "delete_server" in run.to_json() async for run in runs_of(brief_engine.client, wanted.batch_id)
    ]
    assert undoing.count(True) > 1
    await assert_all_undone(brief_engine, wanted, "all-back")


async def test_a_cancel_after_a_continuation_takes_everything_back(brief_engine: Engine) -> None:
    wanted = wide("stopped", 60, seconds=0.2)
    handle = await brief_engine.start(wanted)
    await continued(brief_engine, handle)
    await brief_engine.client.get_workflow_handle(handle.id).signal(BatchWorkflow.cancel, "enough")
    result = await handle.result()
    assert result.status is BatchStatus.CANCELLED
    assert result.completed > 0
    assert result.completed + result.cancelled == 60
    assert result.remaining == ()
    await assert_all_undone(brief_engine, wanted, "stopped")
    tasks = (await brief_engine.tasks(wanted)).values()
    assert {task.status for task in tasks} == {TaskStatus.COMPLETED, TaskStatus.CANCELLED}


async def test_a_cancel_from_outside_after_a_continuation_ends_as_cancelled(brief_engine: Engine) -> None:
    wanted = wide("stopped-outside", 60, seconds=0.2)
    handle = await brief_engine.start(wanted)
    await continued(brief_engine, handle)
    await brief_engine.client.get_workflow_handle(handle.id).cancel()
    with pytest.raises(WorkflowFailureError) as failure:
        await handle.result()
    assert isinstance(failure.value.cause, CancelledError)
    now = await brief_engine.client.get_workflow_handle(handle.id).describe()
    assert now.status is WorkflowExecutionStatus.CANCELED
    record = await brief_engine.stores.read_model.batch(wanted.batch_id)
    assert record is not None
    assert record.status is BatchStatus.CANCELLED
    await assert_all_undone(brief_engine, wanted, "stopped-outside")


async def test_a_list_of_locks_is_continued_and_loses_nobody(brief_engine: Engine) -> None:
    wanted = [batch(server_operation("make", infra="locks-many", servers=["web"])) for _ in range(30)]
    results = await brief_engine.run_all(wanted)
    assert {result.status for result in results} == {BatchStatus.COMPLETED}
    assert len([run async for run in runs_of(brief_engine.client, locks_id("locks-many"))]) > 1


async def test_what_a_rollback_could_not_undo_is_carried_over_runs(
    brief_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.rollback_planning.PART", 5)
    before, infra = await checkpoint(brief_engine), "carried"
    installed = [
        taskserv_operation(f"install-{n}", ["make"], infra=infra, taskserv=f"service-{n}") for n in range(20)
    ]
    await brief_engine.run(batch(server_operation("make", infra=infra), *installed))
    brief_engine.taskservs.broken = {"remove_taskserv"}
    identity, outcome = await back_to(brief_engine, before)
    brief_engine.taskservs.broken = set()
    assert len([run async for run in runs_of(brief_engine.client, identity)]) > 1
    # The server is deleted last, and takes along what could not be removed from it.
    assert (outcome.status, outcome.undone, outcome.failed) == (TaskStatus.COMPLETED, 21, 0)
    assert outcome.remaining == ()
    assert (await back_to(brief_engine, before))[1].undone == 0


async def test_a_cancel_of_a_rollback_is_not_lost_as_it_is_continued(
    brief_engine: Engine, mongodb: EmbeddedMongo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.rollback_planning.PART", 20)
    async with running_engine(
        brief_engine.client, mongodb.uri, tmp_path, name="brief-held", strict=False, records=HeldRecords
    ) as engine:
        assert isinstance(engine.records, HeldRecords)
        before = await checkpoint(engine)
        names = [f"kept-{number}" for number in range(40)]
        await engine.run(batch(server_operation("make", servers=names, delete_seconds="0.3")))
        rollback = await start(engine, await planner(engine).to_checkpoint(before))
        await eventually(lambda: engine.provider.busy > 0)
        # The run is long enough by then, and only waits for what it did to be written.
        asked, let_go = engine.records.hold(rollback.id)
        await asyncio.wait_for(asked.wait(), 60)

        async def first_part_is_undone() -> bool:
            return (await rollback.query(RollbackWorkflow.progress)).completed_steps == 20

        # Told by the workflow: the provider is done before the workflow has heard of it.
        await eventually(first_part_is_undone)
        await rollback.signal(RollbackWorkflow.cancel, "enough")
        let_go.set()
        outcome = await rollback.result()
        assert len([run async for run in runs_of(engine.client, rollback.id)]) > 1
        assert (outcome.status, outcome.undone, outcome.error) == (TaskStatus.CANCELLED, 20, "enough")
        assert len(engine.provider.servers) == 20
