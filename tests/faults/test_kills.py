"""Kill -9 everything, at random moments of a batch of 30 operations: nothing is lost, nothing done twice.

`TEST_ROUNDS` says how many batches in a row (one by default), `TEST_SEED` makes their moments repeatable.
"""

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.support.stack import MEMBERS, ROOT, Stack, a_stack, eventually
from tests.support.world import answer, operation

ROUNDS = int(os.environ.get("TEST_ROUNDS", "1"))
SEED = int(os.environ.get("TEST_SEED", random.SystemRandom().randrange(10_000)))
LAYER = 10


def three_layers(infra: str) -> dict[str, Any]:
    """10 servers, a task service on each, and on each of these another one that stands on the first."""
    operations: list[dict[str, Any]] = []
    for number in range(LAYER):
        server = {"name": f"box{number}", "plan": "1xCPU-1GB", "zone": "local"}
        operations += [
            operation(f"server{number}", [], infra, server_configs=[server]),
            operation(f"beacon{number}", [f"server{number}"], infra, taskservs=["beacon"]),
            operation(f"echo{number}", [f"beacon{number}"], infra, taskservs=["echo"]),
        ]
    return {"name": infra, "parallel_limit": 4, "operations": operations}


async def has_ended(stack: Stack, batch: str) -> bool:
    return bool((await answer(stack, f"/batch/operations/{batch}"))["status"] != "Running")


async def kill_each(stack: Stack, batch: str, chance: random.Random) -> None:
    """Each member once, in random order, then all together with the supervisor, and a fresh start."""
    # However many they are, they die while the batch runs.
    longest = 2.5 * len(MEMBERS) / len(stack.members)
    for name in chance.sample(stack.members, len(stack.members)):
        await asyncio.sleep(chance.uniform(0.0, longest))
        killed = stack.kill(name)
        await stack.is_back(name, killed)
    await asyncio.sleep(chance.uniform(0.0, 2.5))
    print(f"all die at {(await answer(stack, f'/state/workflows/{batch}/progress'))['progress']} %")
    for name in stack.members:
        stack.kill(name)
    await stack.crash()
    await stack.start()


@pytest.fixture(scope="module")
async def mortal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("kills") / "state"
    async with a_stack(folder, catalogue_dirs=str(ROOT / "tests" / "catalogue")) as started:
        await started.start()
        yield started


@pytest.mark.parametrize("turn", range(ROUNDS))
async def test_a_batch_survives_the_death_of_everything(mortal: Stack, turn: int) -> None:
    chance = random.Random(SEED + turn)
    print(f"seed {SEED + turn}")
    infra = f"kills{turn}"
    accepted = await mortal.http.post("/batch/execute", json=three_layers(infra))
    assert accepted.status_code == 200, accepted.text
    batch = accepted.json()["data"]["batch_id"]

    await kill_each(mortal, batch, chance)
    await eventually(lambda: has_ended(mortal, batch), within=300, every=0.5)

    await everything_was_done_once(mortal, batch, infra)
    await nothing_is_left_open(mortal)
    await answers(mortal, infra)
    await everything_can_be_deleted(mortal, infra)


async def everything_was_done_once(stack: Stack, batch: str, infra: str) -> None:
    ended = await answer(stack, f"/batch/operations/{batch}")
    assert ended["status"] == "Completed", ended
    effects = await answer(stack, "/inventory/effects", batch_id=batch, limit=1000)
    made = Counter((effect["kind"], effect["resource"]) for effect in effects)
    assert set(made.values()) == {1}, made
    assert Counter(kind for kind, _ in made) == {"server_created": LAYER, "taskserv_installed": 2 * LAYER}
    inventory = await answer(stack, "/inventory/servers", infra=infra)
    assert len(inventory) == LAYER
    assert {f"{infra}/{s['name']}\t{s['ssh']['host']}" for s in inventory} == await running_servers(stack)
    assert machines(stack) == LAYER


async def running_servers(stack: Stack) -> set[str]:
    """Key and host of each local server that runs, as the provider finds them."""
    listing = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "activities.providers.local", "list"),
        cwd=ROOT,
        env=stack.env,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await listing.communicate()
    rows = [line.split("\t") for line in printed.decode().splitlines()]
    return {
        f"{key}\t{address.partition('@')[2].partition(':')[0]}"
        for key, state, _, address in rows
        if state == "running"
    }


def machines(stack: Stack) -> int:
    """Local servers by their outermost processes, those included that nobody knows of any more."""
    standing = {process.pid: process.ppid() for process in psutil.process_iter() if stands_in(stack, process)}
    return sum(parent not in standing for parent in standing.values())


def stands_in(stack: Stack, process: psutil.Process) -> bool:
    try:
        return Path(process.cwd()).is_relative_to(stack.state_dir / "servers")
    except psutil.Error:  # it ended, or is the kernel's
        return False


async def everything_can_be_deleted(stack: Stack, infra: str) -> None:
    servers = [{"name": f"box{number}"} for number in range(LAYER)]
    wanted = operation("delete", [], infra, operation="delete", server_configs=servers)
    accepted = await stack.http.post("/batch/execute", json={"name": "delete", "operations": [wanted]})
    assert accepted.status_code == 200, accepted.text
    batch = accepted.json()["data"]["batch_id"]
    await eventually(lambda: has_ended(stack, batch), within=120, every=0.2)
    assert await answer(stack, "/inventory/servers", infra=infra) == []
    assert machines(stack) == 0


async def nothing_is_left_open(stack: Stack) -> None:
    for status in ("Running", "Pending"):
        assert await answer(stack, "/tasks", status=status) == []


async def answers(stack: Stack, infra: str) -> None:
    """Every task service of the inventory answers where the inventory says."""
    addresses = [
        service["address"]
        for server in await answer(stack, "/inventory/servers", infra=infra)
        for service in server["task_services"]
    ]
    assert len(addresses) == 2 * LAYER
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        for address in addresses:
            assert (await client.get(f"http://{address}/")).status_code == 200
