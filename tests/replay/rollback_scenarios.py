"""Rollbacks whose histories are kept: complete, incomplete, cancelled, overtaken and continued."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from unittest.mock import patch

from tests.support import rollbacks
from tests.support.batches import batch, server_operation, taskserv_operation
from tests.support.engine import Engine
from tests.support.rollbacks import RollbackHandle
from tests.support.stack import eventually
from workflows.domain.operations import DeleteServersConfig, ServerOperation, ServerToDelete
from workflows.domain.states import TaskStatus
from workflows.rollback import RollbackWorkflow

Play = Callable[[Engine], Awaitable[RollbackHandle]]


@dataclass(frozen=True)
class RollbackScenario:
    """A rollback, and how it ends."""

    name: str
    status: TaskStatus
    begin: Play
    """Makes a world, and starts a rollback in it."""
    continued: bool = False
    """Whether it runs where long workflows are continued early."""

    async def play(self, engine: Engine) -> dict[str, str]:
        """Runs it to its end, which must be the expected one; its workflow by the name of what is kept."""
        handle = await self.begin(engine)
        outcome = await handle.result()
        engine.taskservs.broken = set()
        if outcome.status is not self.status:
            raise RuntimeError(f"{self.name} did not end {self.status}: {outcome}")
        return {"rollback": handle.id}


def rollback_scenarios() -> list[RollbackScenario]:
    return [
        RollbackScenario("rollback", TaskStatus.COMPLETED, back_to_a_checkpoint),
        RollbackScenario("rollback_of_rollback", TaskStatus.COMPLETED, back_from_a_rollback),
        RollbackScenario("rollback_failure", TaskStatus.FAILED, with_something_that_stays),
        RollbackScenario("rollback_cancel", TaskStatus.CANCELLED, cancelled_by_signal),
        RollbackScenario("rollback_native_cancel", TaskStatus.CANCELLED, cancelled_from_outside),
        RollbackScenario("rollback_overtaken", TaskStatus.FAILED, overtaken),
        RollbackScenario("rollback_continue_as_new", TaskStatus.FAILED, over_many_parts, continued=True),
    ]


async def _restart(engine: Engine, checkpoint: str) -> RollbackHandle:
    return await rollbacks.start(engine, await rollbacks.planner(engine).to_checkpoint(checkpoint))


async def back_to_a_checkpoint(engine: Engine, infra: str = "back") -> RollbackHandle:
    """A server and a task service come back, another service is set back, and what is new goes."""
    kept, gone = f"{infra}-kept", f"{infra}-gone"
    await engine.run(
        batch(
            server_operation(kept, infra=infra),
            server_operation(gone, infra=infra),
            taskserv_operation("on-gone", [gone], infra=infra, taskserv="redis", size=1),
            taskserv_operation("on-kept", [kept], infra=infra, taskserv="nginx", size=1),
        )
    )
    before = await rollbacks.checkpoint(engine)
    config = DeleteServersConfig(infra=infra, operation="delete", server_configs=[ServerToDelete(name=gone)])
    await engine.run(
        batch(
            ServerOperation(id="delete", provider="memory", config=config),
            taskserv_operation("change", infra=infra, servers=[kept], taskserv="nginx", size=2),
            server_operation("new", infra=infra, servers=[f"{infra}-new"]),
            taskserv_operation("on-new", ["new"], infra=infra),
        )
    )
    return await _restart(engine, before)


async def back_from_a_rollback(engine: Engine) -> RollbackHandle:
    handle = await back_to_a_checkpoint(engine, "twice-back")
    await handle.result()
    return await rollbacks.start(engine, await rollbacks.planner(engine).of_operations([handle.id]))


async def with_something_that_stays(engine: Engine) -> RollbackHandle:
    """A server that cannot be deleted, and one whose service cannot be removed but goes with it."""
    before = await rollbacks.checkpoint(engine)
    await engine.run(
        batch(
            server_operation("stays", infra="stays", fail_delete="refused"),
            server_operation("goes", infra="stays"),
            taskserv_operation("on-it", ["goes"], infra="stays"),
        )
    )
    engine.taskservs.broken = {"remove_taskserv"}
    return await _restart(engine, before)


async def _under_way(engine: Engine, infra: str) -> RollbackHandle:
    before = await rollbacks.checkpoint(engine)
    names = [f"{infra}-{number}" for number in range(14)]
    await engine.run(batch(*(server_operation(name, infra=infra, delete_seconds="0.5") for name in names)))
    handle = await _restart(engine, before)
    await eventually(lambda: engine.provider.busy > 0)
    return handle


async def cancelled_by_signal(engine: Engine) -> RollbackHandle:
    handle = await _under_way(engine, "back-cancel")
    await handle.signal(RollbackWorkflow.cancel, "it takes too long")
    return handle


async def cancelled_from_outside(engine: Engine) -> RollbackHandle:
    handle = await _under_way(engine, "back-native")
    await handle.cancel()
    return handle


async def overtaken(engine: Engine) -> RollbackHandle:
    """What it was to undo was changed by another after it was planned."""
    before = await rollbacks.checkpoint(engine)
    install = taskserv_operation("on", ["overtaken"], infra="overtaken", taskserv="redis", size=1)
    await engine.run(batch(server_operation("overtaken", infra="overtaken"), install))
    stale = await rollbacks.planner(engine).to_checkpoint(before)
    change = taskserv_operation("change", infra="overtaken", servers=["overtaken"], taskserv="redis", size=2)
    await engine.run(batch(change))
    return await rollbacks.start(engine, stale)


async def over_many_parts(engine: Engine) -> RollbackHandle:
    """Several runs, and something that stays carried from one to the next."""
    before, infra = await rollbacks.checkpoint(engine), "back-continued"
    stays = server_operation("stays", infra=infra, fail_delete="refused")
    await engine.run(batch(*(server_operation(f"goes-{n}", infra=infra) for n in range(19)), stays))
    with patch("activities.rollback_planning.PART", 5):
        return await _restart(engine, before)
