"""Kill -9 the worker while task services are configured and restarted: each is done once, or set back.

`TEST_ROUNDS` says how many batches in a row (by default one, which is set back), `TEST_SEED` makes their
moments repeatable.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.stack import ROOT, Stack, a_stack
from tests.support.world import ROUNDS, answer, completed, ended, operation, server, submit, taskserv

TURNS = ROUNDS or 1
ENDS = {"set back": True} | ({"done": False} if ROUNDS else {})
SEED = int(os.environ.get("TEST_SEED", random.SystemRandom().randrange(10_000)))
INFRA = "maintenance"
NAMES = ("one", "two", "three")


@pytest.fixture(scope="module")
async def mortal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("maintenance") / "state"
    async with a_stack(folder, catalogue_dirs=str(ROOT / "tests" / "catalogue")) as started:
        await started.start()
        await completed(
            started,
            [
                operation("make", [], INFRA, server_configs=[server(name) for name in NAMES]),
                operation("install", ["make"], INFRA, taskservs=[taskserv("flaky", message="first")]),
            ],
        )
        yield started


async def kill_worker(stack: Stack, chance: random.Random) -> None:
    for _ in range(3):
        await asyncio.sleep(chance.uniform(0.0, 1.5))
        worker = stack.any_worker(chance)
        await stack.is_back(worker, stack.kill(worker))


async def messages(stack: Stack) -> set[str]:
    """What the services say, as many as there are."""
    found = set()
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        for one in await answer(stack, "/inventory/servers", infra=INFRA):
            (service,) = one["task_services"]
            found.add((await client.get(f"http://{service['address']}/")).text)
    return found


def work(name: str, needs: list[str], what: str, **params: Any) -> dict[str, Any]:
    return operation(
        name,
        needs,
        INFRA,
        operation=what,
        servers=list(NAMES),
        taskservs=[taskserv("flaky", **params)],
    )


@pytest.mark.parametrize("fails", ENDS.values(), ids=list(ENDS))
@pytest.mark.parametrize("turn", range(TURNS))
async def test_each_is_done_once_whatever_dies(mortal: Stack, turn: int, fails: bool) -> None:
    chance = random.Random(SEED + turn)
    print(f"seed {SEED + turn}")
    before = await messages(mortal)
    wanted = [
        work("change", [], "configure", message=f"after {turn}"),
        work("again", ["change"], "restart"),
        work("more", ["again"], "configure", message=f"last {turn} {fails}"),
    ]
    if fails:
        absent = operation("never", ["more"], INFRA, operation="restart", taskservs=["beacon"])
        wanted.append(absent)
    batch = await submit(mortal, wanted)
    await kill_worker(mortal, chance)
    state = await ended(mortal, batch)
    assert state["status"] == ("Failed" if fails else "Completed"), state
    effects = await answer(mortal, "/inventory/effects", batch_id=batch, limit=1000)
    assert len({effect["id"] for effect in effects}) == len(effects)
    changes = 4 if fails else 2
    assert Counter((effect["kind"], effect["resource"]) for effect in effects) == {
        **{("taskserv_configured", f"taskserv:{INFRA}/{name}/flaky"): changes for name in NAMES},
        **{("taskserv_restarted", f"taskserv:{INFRA}/{name}/flaky"): 1 for name in NAMES},
    }
    assert await messages(mortal) == (before if fails else {f"last {turn} {fails}"})
