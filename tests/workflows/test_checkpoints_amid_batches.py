"""A checkpoint that is taken while a batch runs is a moment like any other: what came after it can be undone.

`TEST_ROUNDS` says how many batches in a row (1 by default), `TEST_SEED` makes their pace repeatable.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from temporalio.client import Client

from activities.records import Records
from tests.support.batches import batch, server_operation, taskserv_operation
from tests.support.engine import Engine, Handle, running_engine
from tests.support.mongodb import EmbeddedMongo
from tests.support.rollbacks import back_to, checkpoint, contents, reality
from workflows.domain.batches import BatchSpec
from workflows.domain.operations import OperationSpec
from workflows.domain.records import Report
from workflows.domain.rollbacks import Checkpoint
from workflows.domain.states import BatchStatus, TaskStatus

ROUNDS = int(os.environ.get("TEST_ROUNDS", "1"))
SEED = int(os.environ.get("TEST_SEED", random.SystemRandom().randrange(10_000)))
CHAINS = 10
JOURNEYS = 5
"""Rollbacks from moment to moment, after the one that follows the batch."""

PACE = random.Random()


class SlowRecords(Records):
    """Each report takes its own time, so that what ran beside each other is written down in any order."""

    async def _write(self, report: Report) -> None:
        await asyncio.sleep(PACE.uniform(0.0, 1.0))
        await super()._write(report)


@pytest.fixture(scope="module")
async def slow_engine(
    temporal: Client, mongodb: EmbeddedMongo, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Engine]:
    """An engine of its own, since a full rollback undoes what anybody did."""
    folder = tmp_path_factory.mktemp("amid")
    async with running_engine(
        temporal, mongodb.uri, folder, name="amid", strict=False, records=SlowRecords
    ) as running:
        yield running


def fifty(turn: int, chance: random.Random) -> BatchSpec:
    """10 chains: a server, two task services on it, and two changes of one of them."""
    operations: list[OperationSpec] = []
    for number in range(CHAINS):
        names = [f"{what}{number}" for what in ("server", "redis", "nginx", "larger", "largest")]
        operations.append(
            server_operation(names[0], infra=f"amid{turn}", create_seconds=str(chance.uniform(0.0, 1.0)))
        )
        services = [("redis", 1), ("nginx", 1), ("redis", 2), ("redis", 3)]
        for (need, name), (taskserv, size) in zip(pairwise(names), services, strict=True):
            operations.append(
                taskserv_operation(
                    name,
                    [need],
                    infra=f"amid{turn}",
                    taskserv=taskserv,
                    size=size,
                    seconds=chance.uniform(0.0, 2.0),
                )
            )
    return batch(*operations, parallel_limit=8)


async def moments_of(engine: Engine, handle: Handle) -> list[Checkpoint]:
    """A checkpoint of each position of the ledger that was seen while the batch ran."""
    result = asyncio.create_task(handle.result())
    found: dict[int, Checkpoint] = {}
    while not result.done():
        made = await engine.stores.checkpoints.get(await checkpoint(engine))
        assert made is not None
        found.setdefault(made.position, made)
        await asyncio.sleep(0.1)
    assert (await result).status is BatchStatus.COMPLETED
    return list(found.values())


@pytest.mark.parametrize("turn", range(ROUNDS))
async def test_a_moment_in_the_middle_of_a_batch_comes_back(slow_engine: Engine, turn: int) -> None:
    chance = random.Random(SEED + turn)
    PACE.seed(SEED + turn)
    wanted = fifty(turn, chance)
    moments = await moments_of(slow_engine, await slow_engine.start(wanted))
    print(f"seed {SEED + turn}: moments at {[moment.position for moment in moments]}")
    done = await slow_engine.stores.ledger.page(batch_id=wanted.batch_id, limit=100, offset=0)
    assert done.total == 50
    middle = [moment for moment in moments if 0 < done.items[0].position - moment.position < 50]

    first = chance.choice(middle)
    rollback_id = await goes_back(slow_engine, first)
    undone = {e.effect.cause.undoes for e in await slow_engine.stores.ledger.by_task(rollback_id)}
    assert undone == {entry.effect.id for entry in done.items if entry.position > first.position}
    # From there to others, earlier and later ones: to undo what was undone is to do it again.
    for moment in chance.choices(moments, k=JOURNEYS):
        await goes_back(slow_engine, moment)


async def goes_back(engine: Engine, moment: Checkpoint) -> str:
    """Rolls back to the moment, whose picture must come back; the rollback's id."""
    rollback_id, outcome = await back_to(engine, moment.id)
    print(f"to {moment.position}: {outcome.undone} undone")
    assert (outcome.status, outcome.failed) == (TaskStatus.COMPLETED, 0), outcome
    picture = await engine.stores.checkpoints.picture(moment.id)
    assert picture is not None and picture.position == moment.position
    assert contents(await engine.stores.inventory.picture()) == contents(picture)
    assert reality(engine) == contents(picture)
    return rollback_id
