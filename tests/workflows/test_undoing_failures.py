"""A compensation in which something cannot be undone, and what becomes of it when something older is."""

from tests.support.batches import batch, server_operation, taskserv_operation
from tests.support.engine import Engine
from tests.support.rollbacks import back_to, checkpoint, inventory, on, reality
from tests.support.stack import eventually
from workflows.batch import BatchWorkflow
from workflows.domain.batches import BatchResult, BatchSpec
from workflows.domain.states import BatchStatus


async def cancelled(
    engine: Engine, wanted: BatchSpec, completed: int, broken: set[str], released: str | None = None
) -> BatchResult:
    """How a batch ends that is cancelled after so many operations, while such actions fail for good.

    A server that is `released` is not made before the first operation has completed.
    """
    handle = await engine.start(wanted)

    async def completed_one() -> bool:
        return (await handle.query(BatchWorkflow.progress)).completed_steps >= 1

    async def completed_all() -> bool:
        return (await handle.query(BatchWorkflow.progress)).completed_steps == completed

    if released is not None:
        await eventually(completed_one)
        engine.provider.release(released)
    await eventually(completed_all)
    engine.taskservs.broken = broken
    await handle.signal(BatchWorkflow.cancel, "enough")
    result = await handle.result()
    engine.taskservs.broken = set()
    return result


async def test_what_goes_with_something_older_does_not_remain(engine: Engine) -> None:
    await engine.run(batch(server_operation("uo")))
    before, world = await checkpoint(engine), await inventory(engine)
    wanted = batch(
        taskserv_operation("uo-on", servers=["uo"], taskserv="redis", size=1),
        taskserv_operation("uo-change", ["uo-on"], servers=["uo"], taskserv="redis", size=2),
        taskserv_operation("uo-other", ["uo-change"], servers=["uo"], taskserv="nginx", size=1),
        server_operation("uo-held", ["uo-other"], hold="yes"),
    )
    result = await cancelled(engine, wanted, 3, {"install_taskserv"})
    assert (result.status, result.remaining) == (BatchStatus.CANCELLED, ())
    assert await inventory(engine) == world
    assert on("default/uo", reality(engine)) == on("default/uo", world)
    assert (await back_to(engine, before))[1].undone == 0


async def test_what_goes_with_its_server_does_not_remain(engine: Engine) -> None:
    before, world = await checkpoint(engine), await inventory(engine)
    wanted = batch(
        server_operation("us"),
        taskserv_operation("us-on", ["us"], taskserv="redis", size=1),
        taskserv_operation("us-change", ["us-on"], taskserv="redis", size=2),
        server_operation("us-held", ["us-change"], hold="yes"),
    )
    result = await cancelled(engine, wanted, 3, {"install_taskserv", "remove_taskserv"})
    assert (result.status, result.remaining) == (BatchStatus.CANCELLED, ())
    assert await inventory(engine) == world
    assert on("default/us", reality(engine)) == {}
    assert (await back_to(engine, before))[1].undone == 0


async def test_what_was_half_done_goes_with_its_server(engine: Engine) -> None:
    await engine.run(batch(server_operation("uh-kept")))
    wanted = batch(
        server_operation("uh"),
        taskserv_operation("uh-on", ["uh"], taskserv="redis", seconds=300),
        taskserv_operation("uh-on-kept", ["uh"], servers=["uh-kept"], taskserv="redis", seconds=300),
    )
    handle = await engine.start(wanted)
    await eventually(lambda: {"default/uh", "default/uh-kept"} <= engine.taskservs.begun)
    engine.taskservs.broken = {"abandon_install"}
    await handle.signal(BatchWorkflow.cancel, "enough")
    result = await handle.result()
    engine.taskservs.broken = set()
    assert result.status is BatchStatus.CANCELLED
    (left,) = result.remaining
    assert left.startswith("uh-on-kept: half done: install redis on default/uh-kept: could not take back")


async def test_what_nothing_older_took_back_remains(engine: Engine) -> None:
    await engine.run(batch(server_operation("un")))
    # The change does not need the installation, it only comes later; so nobody knows that it was on top.
    wanted = batch(
        taskserv_operation("un-on", servers=["un"], taskserv="redis", size=1, seconds=0.5),
        server_operation("un-later", hold="yes"),
        taskserv_operation("un-change", ["un-later"], servers=["un"], taskserv="redis", size=2),
        server_operation("un-held", ["un-on", "un-change"], hold="yes"),
    )
    result = await cancelled(engine, wanted, 3, {"remove_taskserv"}, released="un-later")
    assert result.status is BatchStatus.CANCELLED
    assert [line.partition(":")[0] for line in result.remaining] == ["un-on"]
    there = await engine.provider.find("default", "un")
    assert there is not None
    assert engine.taskservs.params_on(there) == {"redis": {"size": 1, "seconds": 0.5}}
    assert on("default/un", await inventory(engine)) == on("default/un", reality(engine))


async def test_what_was_gone_already_does_not_stay_in_the_inventory(engine: Engine) -> None:
    await engine.run(batch(server_operation("ug")))
    before, world = await checkpoint(engine), await inventory(engine)
    there = engine.provider.servers["default/ug"]
    wanted = batch(
        taskserv_operation("ug-on", servers=["ug"], taskserv="redis"),
        server_operation("ug-held", ["ug-on"], hold="yes"),
    )
    handle = await engine.start(wanted)
    await eventually(lambda: engine.provider.is_held("ug-held"))
    engine.taskservs.lose(there, "redis")
    await handle.signal(BatchWorkflow.cancel, "enough")
    result = await handle.result()
    assert (result.status, result.remaining) == (BatchStatus.CANCELLED, ())
    assert await inventory(engine) == world
    assert (await back_to(engine, before))[1].undone == 0
