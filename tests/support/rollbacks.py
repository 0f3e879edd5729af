"""Rollbacks on the engine, as the API would start them."""

from datetime import UTC, datetime
from uuid import uuid4

from temporalio.client import WorkflowHandle

from activities.rollback_planning import RollbackPlan, RollbackPlanner
from tests.support.engine import Engine
from workflows.domain.resources import Server
from workflows.domain.rollbacks import Checkpoint, Picture, RollbackOutcome, RollbackSpec
from workflows.rollback import RollbackWorkflow
from workflows.rollback_run import RollbackInput
from workflows.search import of_rollback

RollbackHandle = WorkflowHandle[RollbackWorkflow, RollbackOutcome]


def planner(engine: Engine) -> RollbackPlanner:
    stores = engine.stores
    return RollbackPlanner(stores.ledger, stores.read_model, stores.checkpoints)


async def checkpoint(engine: Engine, name: str = "before") -> str:
    picture = await engine.stores.inventory.picture()
    wanted = Checkpoint(
        id=str(uuid4()),
        name=name,
        created_at=datetime.now(UTC),
        position=picture.position,
        requested_by="tester",
    )
    return (await engine.stores.checkpoints.add(wanted, picture)).id


async def start(engine: Engine, plan: RollbackPlan) -> RollbackHandle:
    identity = str(uuid4())
    parts = plan.parts()
    await engine.stores.rollbacks.keep_plan(identity, parts)
    spec = RollbackSpec(
        rollback_id=identity,
        name=plan.name,
        args=plan.args,
        plan_id=identity,
        planned_at=plan.planned_at,
        steps=len(plan.undoings),
        parts=len(parts),
        touched=plan.touched,
        requested_by="tester",
        created_at=datetime.now(UTC),
    )
    return await engine.client.start_workflow(
        RollbackWorkflow.run,
        RollbackInput(spec=spec),
        id=identity,
        task_queue=engine.task_queue,
        search_attributes=of_rollback(spec),
    )


async def back_to(engine: Engine, checkpoint_id: str) -> tuple[str, RollbackOutcome]:
    """Goes back; the rollback's id, and how it ended."""
    handle = await start(engine, await planner(engine).to_checkpoint(checkpoint_id))
    return handle.id, await handle.result()


async def undo(engine: Engine, *operations: str) -> tuple[str, RollbackOutcome]:
    handle = await start(engine, await planner(engine).of_operations(operations))
    return handle.id, await handle.result()


async def inventory(engine: Engine) -> dict[str, object]:
    """What the inventory holds now, and how."""
    return contents(await engine.stores.inventory.picture())


def contents(picture: Picture) -> dict[str, object]:
    """What is in it, and how: without who made it and where it is, since what comes back is another one."""
    return {
        entry.key: entry.resource.spec if isinstance(entry.resource, Server) else entry.resource.params
        for entry in picture.entries
        if entry.resource is not None
    }


def reality(engine: Engine) -> dict[str, object]:
    """What exists at the provider and on its servers, in the same words."""
    found: dict[str, object] = {}
    for key, server in engine.provider.servers.items():
        found[f"server:{key}"] = server.spec
        for name, params in engine.taskservs.params_on(server).items():
            found[f"taskserv:{key}/{name}"] = params
    return found


def on(server: str, world: dict[str, object]) -> dict[str, object]:
    """What of `world` is the server with this key, or stands on it."""
    return {key: what for key, what in world.items() if f"{key}/".partition(":")[2].startswith(f"{server}/")}
