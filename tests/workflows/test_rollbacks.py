"""Going back: to a checkpoint, from single operations, and from rollbacks themselves."""

import asyncio
from datetime import timedelta

import pytest

from tests.support import rollbacks
from tests.support.batches import batch, server_operation, taskserv_operation
from tests.support.engine import Engine
from tests.support.rollbacks import back_to, checkpoint, inventory, on, reality, undo
from tests.support.stack import eventually
from workflows.domain.errors import Conflict, NotFound
from workflows.domain.identity import task_id
from workflows.domain.operations import DeleteServersConfig, ServerOperation, ServerToDelete
from workflows.domain.states import BatchStatus, TaskStatus
from workflows.rollback import RollbackWorkflow


def deletion(name: str, server: str) -> ServerOperation:
    config = DeleteServersConfig(operation="delete", server_configs=[ServerToDelete(name=server)])
    return ServerOperation(id=name, provider="memory", config=config)


async def test_a_checkpoint_is_restored_and_left_and_restored_again(engine: Engine) -> None:
    await engine.run(
        batch(
            server_operation("rb-kept"),
            server_operation("rb-gone"),
            taskserv_operation("rb-on-gone", ["rb-gone"], taskserv="redis", size=1),
            taskserv_operation("rb-on-kept", ["rb-kept"], taskserv="nginx", size=1),
        )
    )
    before, world = await checkpoint(engine), await inventory(engine)
    await engine.run(
        batch(
            deletion("rb-delete", "rb-gone"),
            taskserv_operation("rb-change", servers=["rb-kept"], taskserv="nginx", size=2),
            server_operation("rb-new"),
            taskserv_operation("rb-on-new", ["rb-new"]),
        )
    )
    after, changed = await checkpoint(engine, "after"), await inventory(engine)
    identity, outcome = await back_to(engine, before)
    assert (outcome.status, outcome.undone, outcome.failed) == (TaskStatus.COMPLETED, 5, 0)
    assert outcome.seconds > 0
    assert await inventory(engine) == world
    back = await engine.provider.find("default", "rb-gone")
    assert back is not None and engine.taskservs.installed_on(back) == ["redis"]
    assert await engine.provider.find("default", "rb-new") is None
    # Nothing is left to do, and the rollback can be rolled back, as a task and to a moment.
    assert (await back_to(engine, before))[1].undone == 0
    again, redone = await undo(engine, identity)
    assert (redone.status, redone.undone) == (TaskStatus.COMPLETED, 5)
    assert await inventory(engine) == changed
    assert (await back_to(engine, after))[1].undone == 0
    assert (await undo(engine, again))[1].undone == 5
    assert await inventory(engine) == world
    assert (await back_to(engine, after))[1].undone == 5
    assert await inventory(engine) == changed
    # All that a rollback did is found under its id, and it is a task like others.
    entries = await engine.stores.ledger.by_task(identity)
    assert {entry.effect.cause.undoes is None for entry in entries} == {False}
    task = await engine.stores.read_model.task(identity)
    assert task is not None
    assert (task.status, task.workflow_type, task.batch_id) == (TaskStatus.COMPLETED, "rollback", None)
    stored = await engine.stores.snapshots.get("filesystem").load(identity, identity)
    assert [snapshot.state for snapshot in stored] == ["Running"] * 6 + ["Completed"]


async def test_single_operations_are_undone_and_nothing_that_others_stand_on(engine: Engine) -> None:
    done = batch(server_operation("rp-a"), taskserv_operation("rp-on-a", ["rp-a"]), server_operation("rp-b"))
    assert (await engine.run(done)).status is BatchStatus.COMPLETED
    with pytest.raises(Conflict, match=f"{done.batch_id}/rp-on-a"):
        await rollbacks.planner(engine).of_operations(["rp-a"])
    _, outcome = await undo(engine, f"{done.batch_id}/rp-a", "rp-on-a")
    assert (outcome.status, outcome.undone) == (TaskStatus.COMPLETED, 2)
    assert await engine.provider.find("default", "rp-a") is None
    assert await engine.provider.find("default", "rp-b") is not None
    # By the task's id; and once undone, there is nothing left.
    assert (await undo(engine, task_id(done.batch_id, "rp-b")))[1].undone == 1
    assert (await undo(engine, "rp-b"))[1].undone == 0
    with pytest.raises(NotFound, match="rp-none"):
        await rollbacks.planner(engine).of_operations(["rp-b", "rp-none"])


async def test_an_operation_of_several_batches_must_be_told_apart(engine: Engine) -> None:
    first = batch(server_operation("ra", servers=["ra-1"]))
    second = batch(server_operation("ra", servers=["ra-2"]))
    await engine.run_all([first, second])
    with pytest.raises(Conflict) as refusal:
        await rollbacks.planner(engine).of_operations(["ra"])
    assert all(f"{one.batch_id}/ra" in refusal.value.message for one in (first, second))
    assert (await undo(engine, f"{first.batch_id}/ra"))[1].undone == 1
    assert (await undo(engine, "ra"))[1].undone == 1  # only one has something left
    assert await engine.provider.find("default", "ra-2") is None


async def test_what_cannot_be_undone_is_left_for_the_next_time(engine: Engine) -> None:
    before = await checkpoint(engine)
    await engine.run(batch(server_operation("rf-a", fail_delete="refused"), server_operation("rf-b")))
    identity, outcome = await back_to(engine, before)
    assert (outcome.status, outcome.undone, outcome.failed) == (TaskStatus.FAILED, 1, 1)
    assert "rf-a" in outcome.remaining[0]
    stored = await engine.stores.snapshots.get("filesystem").load(identity, identity)
    assert any("could not undo: server created default/rf-a" in str(s.details["step"]) for s in stored)
    plan = await rollbacks.planner(engine).to_checkpoint(before)
    assert [undoing.effect.server.spec.name for undoing in plan.undoings] == ["rf-a"]
    engine.provider.mend("default/rf-a")
    assert (await back_to(engine, before))[1].undone == 1
    assert await engine.provider.find("default", "rf-a") is None


async def test_what_is_undone_with_something_older_does_not_stay_open(engine: Engine) -> None:
    before, world = await checkpoint(engine), await inventory(engine)
    install = taskserv_operation("ro-on", ["ro"], taskserv="redis", size=1)
    change = taskserv_operation("ro-change", ["ro-on"], taskserv="redis", size=2)
    other = taskserv_operation("ro-other", ["ro-change"], taskserv="nginx", size=1)
    await engine.run(batch(server_operation("ro"), install, change, other))
    changed = await inventory(engine)
    # Nothing can be set back, nor removed; but the server can be deleted, and everything is gone with it.
    engine.taskservs.broken = {"install_taskserv", "remove_taskserv"}
    identity, outcome = await back_to(engine, before)
    engine.taskservs.broken.clear()
    assert (outcome.status, outcome.undone, outcome.failed) == (TaskStatus.COMPLETED, 4, 0)
    assert await inventory(engine) == world
    assert (await back_to(engine, before))[1].undone == 0
    # All of it comes back, and goes again.
    assert (await undo(engine, identity))[1].undone == 4
    assert await inventory(engine) == changed
    assert on("default/ro", reality(engine)) == on("default/ro", changed)
    assert (await back_to(engine, before))[1].undone == 4
    assert await inventory(engine) == world


async def test_what_was_set_back_by_its_removal_is_not_set_back_the_next_time(engine: Engine) -> None:
    await engine.run(batch(server_operation("rg")))
    before, world = await checkpoint(engine), await inventory(engine)
    install = taskserv_operation("rg-on", servers=["rg"], taskserv="redis", size=1)
    change = taskserv_operation("rg-change", ["rg-on"], servers=["rg"], taskserv="redis", size=2)
    await engine.run(batch(install, change))
    changed = await inventory(engine)
    engine.taskservs.broken = {"install_taskserv"}
    identity, outcome = await back_to(engine, before)
    engine.taskservs.broken.clear()
    assert (outcome.status, outcome.undone, outcome.failed) == (TaskStatus.COMPLETED, 2, 0)
    assert (await back_to(engine, before))[1].undone == 0
    assert await inventory(engine) == world
    assert (await undo(engine, identity))[1].undone == 2
    assert await inventory(engine) == changed
    assert on("default/rg", reality(engine)) == on("default/rg", changed)


async def test_a_rollback_that_is_cancelled_stops_and_leaves_the_rest(engine: Engine) -> None:
    before = await checkpoint(engine)
    names = [f"rc-{number}" for number in range(14)]
    await engine.run(batch(*(server_operation(name, hold_delete="yes") for name in names)))
    handle = await rollbacks.start(engine, await rollbacks.planner(engine).to_checkpoint(before))

    async def under_way() -> bool:
        return engine.provider.busy > 0

    await eventually(under_way)
    await handle.signal(RollbackWorkflow.cancel, "enough")
    for name in names:
        engine.provider.release(name)
    outcome = await handle.result()
    assert (outcome.status, outcome.error, outcome.failed) == (TaskStatus.CANCELLED, "enough", 0)
    assert 0 < outcome.undone < 14
    rest = (await back_to(engine, before))[1]
    assert (rest.status, rest.undone) == (TaskStatus.COMPLETED, 14 - outcome.undone)


async def test_what_it_did_is_written_down_without_a_pause(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await checkpoint(engine)
    await engine.run(batch(server_operation("rn")))
    monkeypatch.setattr("workflows.reporting.REPORT_INTERVAL", timedelta(hours=1))
    async with asyncio.timeout(60):
        assert (await back_to(engine, before))[1].undone == 1


async def test_a_plan_that_others_have_overtaken_is_not_carried_out(engine: Engine) -> None:
    before = await checkpoint(engine)
    install = taskserv_operation("rv-on", ["rv"], taskserv="redis", size=1)
    await engine.run(batch(server_operation("rv"), install, server_operation("rv-aside")))
    stale = await rollbacks.planner(engine).to_checkpoint(before)
    change = batch(taskserv_operation("rv-change", servers=["rv"], taskserv="redis", size=2))
    await engine.run(change)
    world = await inventory(engine)
    outcome = await (await rollbacks.start(engine, stale)).result()
    assert (outcome.status, outcome.undone) == (TaskStatus.FAILED, 0)
    assert outcome.error is not None and change.batch_id in outcome.error
    assert await inventory(engine) == world
    # What happens on other servers is none of its business.
    plan = await rollbacks.planner(engine).to_checkpoint(before)
    await engine.run(batch(server_operation("rv-other")))
    assert (await (await rollbacks.start(engine, plan)).result()).undone == 4


async def test_in_the_strict_sandbox(strict_engine: Engine) -> None:
    before = await checkpoint(strict_engine)
    await strict_engine.run(batch(server_operation("rs"), taskserv_operation("rs-on", ["rs"])))
    assert (await back_to(strict_engine, before))[1].undone == 2


async def test_what_was_done_to_another_server_waits_for_that_one(engine: Engine) -> None:
    on_it = taskserv_operation("rw-on", ["rw"], taskserv="redis", size=1)
    await engine.run(batch(server_operation("rw"), on_it))
    before, world = await checkpoint(engine), await inventory(engine)
    change = taskserv_operation("rw-change", servers=["rw"], taskserv="redis", size=2)
    await engine.run(batch(change))
    await engine.run(batch(deletion("rw-delete", "rw")))
    await engine.run(batch(server_operation("rw-anew", servers=["rw"], fail_delete="refused")))
    left = await inventory(engine)
    _, outcome = await back_to(engine, before)
    assert (outcome.undone, outcome.failed) == (0, 4)
    assert "told to refuse" in outcome.remaining[0]
    assert all("server default/rw has to be set back first" in line for line in outcome.remaining[1:])
    # Nothing was put onto the server that is to go.
    assert await inventory(engine) == left
    engine.provider.mend("default/rw")
    assert (await back_to(engine, before))[1].undone == 4
    assert await inventory(engine) == world
    there = await engine.provider.find("default", "rw")
    assert there is not None and engine.taskservs.params_on(there) == {"redis": {"size": 1}}
