"""A batch that deletes a server and fails: the server comes back, or goes where the batch had made it."""

from tests.support.batches import batch, server_operation, taskserv_operation
from tests.support.engine import Engine
from workflows.domain.operations import DeleteServersConfig, ServerOperation, ServerToDelete
from workflows.domain.states import BatchStatus


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
