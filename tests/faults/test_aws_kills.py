"""The worker is killed between AWS's launch and the ledger: one server of the name, and the ledger has it.

AWS is moto, which launches anew each time that it is asked, whatever the token. `TEST_ROUNDS` says how many
kills (3 by default), `TEST_SEED` makes their moments repeatable. Nothing here asks for the inventory over
HTTP: the service would look whether the servers answer, at addresses that moto has drawn and somebody has.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from activities.mongo.stores import open_stores
from activities.providers.aws import tags
from tests.support.aws_proxy import Answer, AwsProxy, Call, aws_proxy
from tests.support.moto import PLAN, REGION, ZONE, MotoServer
from tests.support.stack import Stack, a_stack, eventually
from tests.support.world import answer, completed, ended, operation, submit

ROUNDS = int(os.environ.get("TEST_ROUNDS", "2"))
SEED = int(os.environ.get("TEST_SEED", random.SystemRandom().randrange(10_000)))

_LONGEST_LIFE = 6.0
"""Seconds that a worker lives on after the launch, at most: until then it waits for the server to settle."""
_UNSETTLED = 1.5
"""Seconds after the launch within which no worker can have handed the server out."""
_LOOKS = 10
"""More than it takes at the server within that time."""


@pytest.fixture(scope="module")
async def aws(moto_server: MotoServer) -> AsyncIterator[AwsProxy]:
    moto_server.reset()
    async with aws_proxy(moto_server) as proxy:
        proxy.knows_tokens = False
        yield proxy


@pytest.fixture(scope="module")
async def mortal(aws: AwsProxy, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("aws-kills") / "state"
    settings = aws.moto.settings(folder, aws_regions=REGION, aws_endpoint_url=aws.url)
    changes = {name: value for name, value in settings if name.startswith("aws_")}
    async with a_stack(folder, **changes) as started:
        await started.start()
        yield started


class Death:
    """That of the worker that launches, `seconds` after it has heard of it; with None before it does.

    One that is to die before it can hand the server out does not, however late it is killed.
    """

    def __init__(self, stack: Stack, aws: AwsProxy, seconds: float | None) -> None:
        self._stack = stack
        self._aws = aws
        self._seconds = seconds
        self._asked = 0.0
        self.came = asyncio.Event()

    async def launch(self, call: Call) -> Answer | None:
        worker = self._stack.connected_from(call.port)
        self._asked = asyncio.get_running_loop().time()
        answered = await self._aws.forward(call)
        if self._seconds is None:
            self._come(worker)
            return None
        if self._seconds <= _UNSETTLED:
            self._aws.next("DescribeInstances", self._look, times=_LOOKS)
        asyncio.get_running_loop().call_later(self._seconds, self._come, worker)
        return answered

    async def _look(self, call: Call) -> Answer:
        answered = await self._aws.forward(call)
        # By the date of the answer, the server has settled or not.
        if asyncio.get_running_loop().time() > self._asked + _UNSETTLED:
            await self.came.wait()
        return answered

    def _come(self, worker: str) -> None:
        assert self._stack.kill(worker) is not None
        self.came.set()


@pytest.mark.parametrize("turn", range(ROUNDS))
async def test_a_worker_that_dies_after_the_launch_leaves_one_server(
    mortal: Stack, aws: AwsProxy, turn: int
) -> None:
    chance = random.Random(SEED + turn)
    # In turn: it never hears of the launch; it dies soon, and the batch is cancelled then; it dies some time.
    seconds = (None, chance.uniform(0.0, _UNSETTLED), chance.uniform(0.0, _LONGEST_LIFE))[turn % 3]
    print(f"seed {SEED + turn}: the worker dies after {seconds}")
    death = Death(mortal, aws, seconds)
    infra = f"kills{turn}"
    aws.next("RunInstances", death.launch)
    batch_id = await submit(mortal, [servers(infra, {"name": "web", "plan": PLAN, "zone": ZONE})])
    async with asyncio.timeout(120):
        await death.came.wait()
    if turn % 3 == 1:
        cancelled = await mortal.http.post(f"/batch/operations/{batch_id}/cancel")
        assert cancelled.status_code == 200, cancelled.text
    batch = await ended(mortal, batch_id)

    if turn % 3 == 1:
        assert batch["status"] == "Cancelled", batch
        assert await open_effects(mortal, batch_id) == set(), batch
        assert await inventory(mortal, infra) == set()
    else:
        assert batch["status"] == "Completed", batch
        (instance,) = aws.moto.instances(infra=infra)
        owner = tags.as_mapping(instance["Tags"])[tags.OWNER]
        assert await open_effects(mortal, batch_id) == {owner}
        assert await inventory(mortal, infra) == {instance["InstanceId"]}
        await completed(mortal, [servers(infra, {"name": "web"}, operation="delete")])
        assert await inventory(mortal, infra) == set()
    assert await asyncio.to_thread(aws.moto.traces) == []


def servers(infra: str, config: dict[str, str], **more: str) -> dict[str, Any]:
    return operation("servers", [], infra, server_configs=[config], **more) | {"provider": "aws"}


async def open_effects(stack: Stack, batch_id: str) -> set[str]:
    """Ids of the servers' creations that were not undone. There is one entry for each."""
    effects = await answer(stack, "/inventory/effects", batch_id=batch_id, limit=1000)
    made = [e for e in effects if e["kind"] == "server_created" and "undone_by" not in e]
    assert len({e["id"] for e in made}) == len(made)
    return {e["id"] for e in made}


async def inventory(stack: Stack, infra: str) -> set[str]:
    """AWS's ids of the servers that the service knows."""
    stores = open_stores(stack.settings)
    try:
        item = await stores.inventory.server(infra, "web")
        return {item.server.provider_id} if item is not None else set()
    finally:
        await stores.close()


async def test_the_systems_health_has_aws_in_it(mortal: Stack) -> None:
    async def is_healthy() -> bool:
        health = await answer(mortal, "/state/system/health")
        return bool(health["components"]["provider:aws"] == "Healthy")

    # One look that takes too long on a busy machine is a warning.
    await eventually(is_healthy)
