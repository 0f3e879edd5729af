"""A batch that deletes a server and fails: the server comes back, or goes where the batch had made it."""

import pytest

from tests.support.batches import batch, server_operation, taskserv_operation
from tests.support.engine import Engine
from tests.support.stack import eventually
from workflows.batch import BatchWorkflow
from workflows.domain.operations import DeleteServersConfig, ServerOperation, ServerToDelete
from workflows.domain.states import BatchStatus, TaskStatus


def deletion(name: str, needs: tuple[str, ...], server: str) -> ServerOperation:
    config = DeleteServersConfig(operation="delete", server_configs=[ServerToDelete(name=server)])
    return ServerOperation(id=name, provider="memory", dependencies=needs, config=config)


async def test_a_server_that_the_batch_made_and_deleted_is_gone_after_the_rollback(engine: Engine) -> None:
    result = await engine.run(
        batch(
            server_operation("ud-a"),
            taskserv_operation("ud-on-a", ["ud-a"]),
            deletion("ud-delete", ("ud-on-a",), "ud-a"),
            server_operation("ud-break", ["ud-delete"], fail_create="refused"),
        )
    )
    assert (result.status, result.remaining) == (BatchStatus.FAILED, ())
    assert await engine.provider.find("default", "ud-a") is None
    assert await engine.stores.inventory.server("default", "ud-a") is None


async def test_a_server_of_an_earlier_batch_is_back_with_what_stood_on_it(engine: Engine) -> None:
    await engine.run(batch(server_operation("ud-b"), taskserv_operation("ud-on-b", ["ud-b"], taskserv="one")))
    result = await engine.run(
        batch(
            deletion("ud-delete", (), "ud-b"),
            server_operation("ud-break", ["ud-delete"], fail_create="refused"),
        )
    )
    assert (result.status, result.remaining) == (BatchStatus.FAILED, ())
    back = await engine.provider.find("default", "ud-b")
    assert back is not None
    assert engine.taskservs.installed_on(back) == ["one"]
    item = await engine.stores.inventory.server("default", "ud-b")
    assert item is not None
    assert (item.server, [one.name for one in item.taskservs]) == (back, ["one"])


@pytest.mark.parametrize(
    "made",
    [server_operation("ud-c", delete_seconds="600"), server_operation("ud-e", fail_delete="unavailable")],
    ids=["under way", "retried"],
)
async def test_a_deletion_that_is_cancelled_before_it_can_end_leaves_the_server(
    engine: Engine, made: ServerOperation
) -> None:
    name = made.id
    await engine.run(batch(made, taskserv_operation("ud-on-c", [name], taskserv="one")))
    before = await engine.provider.find("default", name)
    assert before is not None
    wanted = batch(deletion("ud-delete", (), name))
    handle = await engine.start(wanted)

    await eventually(
        lambda: engine.provider.busy > 0 or engine.provider.failures("delete", f"default/{name}") > 1
    )
    await handle.signal(BatchWorkflow.cancel, "not this one")
    result = await handle.result()
    assert (result.status, result.remaining) == (BatchStatus.CANCELLED, ())
    assert await engine.provider.find("default", name) == before
    assert engine.taskservs.installed_on(before) == ["one"]
    item = await engine.stores.inventory.server("default", name)
    assert item is not None
    assert (item.server, [one.name for one in item.taskservs]) == (before, ["one"])
    task = (await engine.tasks(wanted))["ud-delete"]
    assert task.status is TaskStatus.CANCELLED
    assert task.output == f"server default/{name} was not deleted, and stays"
    assert await engine.stores.ledger.by_task(task.id) == []


async def test_a_deletion_that_failed_for_good_leaves_nothing_half_done(
    engine: Engine,
) -> None:
    await engine.run(batch(server_operation("ud-d", fail_delete="refused")))
    before = await engine.provider.find("default", "ud-d")
    result = await engine.run(batch(deletion("ud-delete", (), "ud-d")))
    assert (result.status, result.remaining) == (BatchStatus.FAILED, ())
    assert await engine.provider.find("default", "ud-d") == before
    item = await engine.stores.inventory.server("default", "ud-d")
    assert item is not None
    assert item.server == before


async def test_a_server_that_is_another_one_by_now_is_not_told_as_half_done(engine: Engine) -> None:
    await engine.run(batch(server_operation("ud-f")))
    there = await engine.provider.find("default", "ud-f")
    assert there is not None
    await engine.provider.delete(there)
    another = await engine.provider.create(there.spec, "somebody")
    result = await engine.run(batch(deletion("ud-delete", (), "ud-f")))
    assert (result.status, result.remaining) == (BatchStatus.FAILED, ())
    assert await engine.provider.find("default", "ud-f") == another
