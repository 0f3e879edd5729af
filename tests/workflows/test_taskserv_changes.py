"""Configuring and restarting in a batch: how they show, and what going back makes of them."""

from typing import Literal

import pytest

from tests.support import rollbacks
from tests.support.batches import batch, server_operation, taskserv_operation
from tests.support.engine import Engine
from tests.support.rollbacks import back_to, checkpoint, inventory, undo
from workflows.domain.effects import EffectKind
from workflows.domain.errors import Conflict
from workflows.domain.states import BatchStatus, TaskStatus


async def kinds(engine: Engine, batch_id: str) -> list[EffectKind]:
    """The kinds of a batch's effects, in the ledger's order."""
    page = await engine.stores.ledger.page(batch_id=batch_id, limit=50, offset=0)
    return [entry.effect.kind for entry in reversed(page.items)]


async def test_each_is_a_task_with_its_own_words_and_effects(strict_engine: Engine) -> None:
    wanted = batch(
        server_operation("tc-a"),
        taskserv_operation("tc-put", ["tc-a"], taskserv="redis", size=1, colour="red"),
        taskserv_operation("tc-change", ["tc-put"], taskserv="redis", operation="configure", size=2),
        taskserv_operation("tc-again", ["tc-change"], taskserv="redis", operation="restart"),
    )
    first = await strict_engine.stores.event_log.last()
    assert (await strict_engine.run(wanted)).status is BatchStatus.COMPLETED
    assert await kinds(strict_engine, wanted.batch_id) == [
        *(EffectKind.SERVER_CREATED, EffectKind.TASKSERV_INSTALLED),
        *(EffectKind.TASKSERV_CONFIGURED, EffectKind.TASKSERV_RESTARTED),
    ]
    item = await strict_engine.stores.inventory.server("default", "tc-a")
    assert item is not None
    assert [taskserv.params for taskserv in item.taskservs] == [{"size": 2, "colour": "red"}]
    assert strict_engine.taskservs.restarts.count("default/tc-a/redis") == 1
    tasks = await strict_engine.tasks(wanted)
    change, again = tasks["tc-change"], tasks["tc-again"]
    assert (change.workflow_type, again.workflow_type) == ("taskserv_configuration", "taskserv_restart")
    assert change.args[:5] == ("taskserv", "configure", "redis", "--param", "redis.size=2")
    assert (change.output, again.output) == (
        "configured redis on default/tc-a",
        "restarted redis on default/tc-a",
    )
    told = {
        event.metadata.get("workflow_type")
        for _, event in await strict_engine.stores.event_log.read(first, 10_000)
        if event.data.get("name") in ("tc-change", "tc-again")
    }
    assert told == {"taskserv_configuration", "taskserv_restart"}


async def test_a_failed_batch_takes_its_configuration_back_and_passes_over_its_restart(
    strict_engine: Engine,
) -> None:
    await strict_engine.run(
        batch(server_operation("tf-a"), taskserv_operation("tf-put", ["tf-a"], taskserv="redis", size=1))
    )
    wanted = batch(
        taskserv_operation("tf-change", servers=["tf-a"], taskserv="redis", operation="configure", size=2),
        taskserv_operation("tf-again", ["tf-change"], taskserv="redis", operation="restart"),
        server_operation("tf-x", ["tf-again"], fail_create="refused"),
    )
    result = await strict_engine.run(wanted)
    assert (result.status, result.remaining) == (BatchStatus.FAILED, ())
    assert await kinds(strict_engine, wanted.batch_id) == [
        *(EffectKind.TASKSERV_CONFIGURED, EffectKind.TASKSERV_RESTARTED, EffectKind.TASKSERV_CONFIGURED),
    ]
    item = await strict_engine.stores.inventory.server("default", "tf-a")
    assert item is not None and item.taskservs[0].params == {"size": 1}


@pytest.mark.parametrize("work", ["configure", "restart"])
async def test_what_is_not_installed_fails_the_operation(
    strict_engine: Engine, work: Literal["configure", "restart"]
) -> None:
    name = f"tn-{work}"
    wanted = batch(
        server_operation(name),
        taskserv_operation(f"{name}-it", [name], taskserv="redis", operation=work),
    )
    assert (await strict_engine.run(wanted)).status is BatchStatus.FAILED
    task = (await strict_engine.tasks(wanted))[f"{name}-it"]
    assert (task.status, task.error) == (
        TaskStatus.FAILED,
        f"could not {work} redis on default/{name}: it is not installed there",
    )


async def test_a_rollback_passes_over_restarts_and_none_is_in_its_way(engine: Engine) -> None:
    before, world = await checkpoint(engine), await inventory(engine)
    done = batch(server_operation("tr-a"), taskserv_operation("tr-put", ["tr-a"], taskserv="redis", size=1))
    await engine.run(done)
    restart = batch(taskserv_operation("tr-again", servers=["tr-a"], taskserv="redis", operation="restart"))
    await engine.run(restart)
    assert (await undo(engine, f"{restart.batch_id}/tr-again"))[1].undone == 0
    with pytest.raises(Conflict, match="tr-put") as blocked:
        await rollbacks.planner(engine).of_operations(["tr-a"])
    assert "tr-again" not in blocked.value.message
    assert (await undo(engine, f"{done.batch_id}/tr-put"))[1].undone == 1
    outcome = (await back_to(engine, before))[1]
    assert (outcome.status, outcome.undone) == (TaskStatus.COMPLETED, 1)
    assert await inventory(engine) == world
