"""A batch of 12 operations that is cancelled at any moment ends soon, and nothing is left of it.

`TEST_ROUNDS` says how often (3 times by default), `TEST_SEED` makes the moments repeatable.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from activities.providers.local.locks import exclusive
from tests.support.dozen import NEEDS, dozen, old_server
from tests.support.stack import ROOT, Stack, a_stack, eventually
from tests.support.world import ROUNDS, World, answer, ended, operation, submit, tasks, taskserv
from workflows.codec import data_converter

TURNS = ROUNDS or 3
SEED = int(os.environ.get("TEST_SEED", random.SystemRandom().randrange(10_000)))
ENDS_WITHIN = 30
"""Seconds from the cancellation to the end. Promised, and not only a limit for the test."""


@pytest.fixture(scope="module")
async def cancelling(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("cancel") / "state"
    async with a_stack(folder, catalogue_dirs=str(ROOT / "tests" / "catalogue")) as started:
        await started.start()
        yield started


@pytest.mark.parametrize("turn", range(TURNS))
async def test_a_cancelled_batch_ends_soon_and_leaves_nothing(cancelling: Stack, turn: int) -> None:
    chance = random.Random(SEED + turn)
    # The first turn cancels before anything can have ended, the second when only the last one runs.
    steps = turn * len(NEEDS) if turn < 2 else chance.randrange(len(NEEDS))
    print(f"seed {SEED + turn}: when {steps} operations have ended")
    infra = f"cancel{turn}"
    async with old_server(cancelling, infra) as before:
        batch_id = await submit(cancelling, [*dozen(infra), endless(infra)])
        await have_ended(cancelling, batch_id, steps)
        await asyncio.sleep(chance.uniform(0.0, 1.0))
        await cancel(cancelling, batch_id, natively=chance.random() < 0.25)
        batch = await ended(cancelling, batch_id, within=ENDS_WITHIN)
        assert (await World.observe(cancelling)).since(before) == []
        assert batch["status"] == "Cancelled"
        assert "remaining" not in batch
        rows = await tasks(cancelling, batch_id)
        assert rows["endless"]["status"] == "Cancelled"
        assert {row["status"] for row in rows.values()} <= {"Completed", "Cancelled"}
        effects = await answer(cancelling, "/inventory/effects", batch_id=batch_id, limit=1000)
        assert [e for e in effects if e.get("undoes") is None and e.get("undone_by") is None] == []
    await no_workflow_runs(cancelling)


@pytest.mark.parametrize("killed", [False, True], ids=["alive", "worker killed"])
async def test_a_deletion_that_is_cancelled_while_it_waits_loses_nothing(
    cancelling: Stack, killed: bool
) -> None:
    infra = f"spared-{killed}".lower()
    async with old_server(cancelling, infra) as before:
        deletion = operation("away", [], infra, operation="delete", server_configs=[{"name": "old"}])
        # As if somebody else were at work on it.
        async with exclusive(cancelling.state_dir / "servers" / infra / ".old.lock"):
            batch_id = await submit(cancelling, [deletion])
            await is_at(cancelling, batch_id, "delete server")
            if killed:
                assert all(cancelling.kill(name) is not None for name in cancelling.workers)
            await cancel(cancelling, batch_id, natively=False)
            # Until then the attempt has not heard of it, and could still go on.
            await is_at(cancelling, batch_id, "clearing up: delete server")
        batch = await ended(cancelling, batch_id)
        assert (batch["status"], batch.get("remaining")) == ("Cancelled", None)
        (row,) = (await tasks(cancelling, batch_id)).values()
        assert (row["status"], row["output"]) == (
            "Cancelled",
            f"server {infra}/old was not deleted, and stays",
        )
        # All that is new is that the server remembers.
        assert (await World.observe(cancelling)).since(before) == [f"+ files: {infra}/old/called-off"]
        assert await answer(cancelling, "/inventory/effects", batch_id=batch_id) == []


async def is_at(stack: Stack, batch_id: str, step: str) -> None:
    """Returns when the batch's only operation is at this step."""

    async def reached() -> bool:
        (row,) = (await tasks(stack, batch_id)).values()
        progress = await answer(stack, f"/state/workflows/{row['id']}/progress")
        return str(progress["current_step"]).startswith(step)

    await eventually(reached, within=120, every=0.1)


def endless(infra: str) -> dict[str, object]:
    """Comes last and takes minutes, so that the batch cannot end before it is cancelled."""
    slow = taskserv("flaky", seconds=300)
    return operation("endless", [*NEEDS], infra, taskservs=[slow], servers=["late"])


async def have_ended(stack: Stack, batch_id: str, steps: int) -> None:
    async def reached() -> bool:
        progress = await answer(stack, f"/state/workflows/{batch_id}/progress")
        return bool(progress["completed_steps"] >= steps)

    await eventually(reached, within=120, every=0.1)


async def cancel(stack: Stack, batch_id: str, *, natively: bool) -> None:
    """Over HTTP, or as an operator does in the Temporal UI."""
    if natively:
        await (await temporal(stack)).get_workflow_handle(batch_id).cancel()
    else:
        answered = await stack.http.post(f"/batch/operations/{batch_id}/cancel")
        assert answered.status_code == 200, answered.text


async def no_workflow_runs(stack: Stack) -> None:
    """Of this batch or any before; Temporal's list follows a moment later."""
    client = await temporal(stack)

    async def none() -> bool:
        return (await client.count_workflows("ExecutionStatus = 'Running'")).count == 0

    await eventually(none, within=30)


async def temporal(stack: Stack) -> Client:
    return await Client.connect(stack.settings.temporal_target, data_converter=data_converter)
