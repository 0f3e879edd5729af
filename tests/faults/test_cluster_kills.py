"""Clusters made, scaled, upgraded, shrunk and deleted, while the worker is killed at random moments of each.

`TEST_ROUNDS` says how many clusters in a row (one by default), each of another type and with five kills;
`TEST_SEED` makes types and moments repeatable.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator

import pytest

from tests.support.clusters import Clusters, has_everything, settings, write
from tests.support.stack import Stack, a_stack
from tests.support.world import World

ROUNDS = int(os.environ.get("TEST_ROUNDS", "1"))
SEED = int(os.environ.get("TEST_SEED", random.SystemRandom().randrange(10_000)))
KINDS: dict[str, tuple[str, dict[str, object]]] = {
    "redis": ("redis", {"maxmemory_mb": 32}),
    "web": ("caddy", {"compress": True}),
    "etcd": ("etcd", {"quota_mb": 256}),
}
"""By type, the task service of its members, and what an upgrade changes."""


@pytest.fixture(scope="module")
async def mortal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("cluster-kills")
    (folder / "infra").mkdir()
    async with a_stack(folder / "state", infra_dir=folder / "infra", local_isolation="process") as started:
        await started.start()
        yield started


@pytest.mark.parametrize("turn", range(ROUNDS))
async def test_a_cluster_survives_the_death_of_its_workers(mortal: Stack, turn: int) -> None:
    chance = random.Random(SEED + turn)
    kind = sorted(KINDS)[(SEED + turn) % len(KINDS)]
    service, change = KINDS[kind]
    print(f"seed {SEED + turn}: {kind}")
    clusters = Clusters(mortal.http, mortal.settings)
    before = await World.observe(mortal)

    async def does(operation: str, nodes: int, **params: object) -> dict[str, str]:
        """What stands afterwards."""
        task_id = await clusters.submitted(operation, kind, settings(kind, nodes, **params))
        await asyncio.sleep(chance.uniform(0.0, 4.0))
        worker = mortal.any_worker(chance)
        await mortal.is_back(worker, mortal.kill(worker))
        task = await clusters.ended(task_id)
        assert task["status"] == "Completed", task
        return await clusters.members(kind)

    made = await does("create", 3)
    await write(kind, made)
    grown = await does("scale", 5)
    assert (len(grown), await has_everything(kind, grown)) == (5, True)
    await clusters.kill_service(kind, f"{kind}-3", service)
    assert await has_everything(kind, await does("upgrade", 5, **change))
    shrunk = await does("scale", 3, **change)
    assert (shrunk, await has_everything(kind, shrunk)) == (made, True)
    assert await does("delete", 3) == {}
    assert (await World.observe(mortal)).since(before) == []
    effects = await clusters.answer("/inventory/effects", limit="1000")
    assert len({one["id"] for one in effects}) == len(effects)
