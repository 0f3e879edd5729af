"""The worker is killed between UpCloud's order and the ledger's line of it: one server for one name, and none
that the ledger does not know.

`TEST_ROUNDS` says how often (3 times by default), `TEST_SEED` makes the moments repeatable.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

from tests.support.stack import Stack, a_stack, eventually
from tests.support.upcloud import UpCloud, an_upcloud
from tests.support.world import ROUNDS, answer, ended, operation, submit

TURNS = ROUNDS or 3
SEED = int(os.environ.get("TEST_SEED", random.SystemRandom().randrange(10_000)))
NAMES = ("web-01", "web-02")
MOMENTS = ("answer", "rival", "later", "order")
"""Killed while the answers to its orders are on their way (`answer`), while the orders are (`order`), such
that they arrive only after those of the next attempt (`rival`), or at some time after that (`later`)."""


class Scene(NamedTuple):
    stack: Stack
    upcloud: UpCloud


@pytest.fixture(scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("upcloud-kills")
    with an_upcloud(folder) as upcloud:
        async with a_stack(folder / "state", **upcloud.settings) as started:
            await started.start()
            yield Scene(started, upcloud)


@pytest.mark.parametrize("turn", range(TURNS))
async def test_a_worker_that_dies_after_an_order_makes_no_second_server(scene: Scene, turn: int) -> None:
    stack, upcloud = scene
    chance = random.Random(SEED + turn)
    moment, is_cancelled = MOMENTS[turn % len(MOMENTS)], turn % 5 == 4
    print(f"seed {SEED + turn}: killed at {moment}, {'and cancelled' if is_cancelled else 'and goes on'}")
    infra = f"kills{turn}"
    upcloud.reset()
    batch_id = await dies(scene, infra, moment, chance)
    if is_cancelled:
        await cancel(stack, batch_id)
    batch = await ended(stack, batch_id)
    print(f"{len(upcloud.state()['orders'])} orders")
    if is_cancelled:
        assert batch["status"] == "Cancelled"
        assert "remaining" not in batch
    else:
        assert batch["status"] == "Completed", batch
        await each_is_there_once(scene, batch_id, infra)
        await each_can_be_deleted(stack, infra)
    assert upcloud.traces() == []
    assert await answer(stack, "/inventory/servers", infra=infra) == []


async def dies(scene: Scene, infra: str, moment: str, chance: random.Random) -> str:
    """Submits the batch, and kills who carries it out at the moment; the batch's id."""
    stack, upcloud = scene
    if moment != "later":
        how = "hold" if moment == "answer" else "delay"
        upcloud.fault(method="POST", path="/server", count=len(NAMES), how=how)
    batch_id = await submit(stack, [making(infra)])
    if moment == "later":
        await eventually(lambda: len(upcloud.state()["orders"]) > 0)
        # Until the ledger has it: it starts, it answers over SSH, it settles.
        await asyncio.sleep(chance.uniform(0.0, 4.0))
        victims = {stack.any_worker(chance)}
    else:
        await eventually(lambda: len(upcloud.state()["held"]) == len(NAMES))
        victims = set(map(stack.connected_from, upcloud.state()["held"]))
    killed = {name: stack.kill(name) for name in sorted(victims)}
    print(f"killed: {', '.join(killed)}")
    if moment == "rival":
        await eventually(lambda: len(upcloud.state()["orders"]) == len(NAMES))
    else:
        await asyncio.sleep(chance.uniform(0.0, 0.5))
    upcloud.release()
    for name, pid in killed.items():
        await stack.is_back(name, pid)
    return batch_id


def making(infra: str) -> dict[str, Any]:
    servers = [{"name": name, "plan": "1xCPU-2GB", "zone": "de-fra1"} for name in NAMES]
    return operation("make", [], infra, server_configs=servers) | {"provider": "upcloud"}


async def cancel(stack: Stack, batch_id: str) -> None:
    accepted = await stack.http.post(f"/batch/operations/{batch_id}/cancel")
    assert accepted.status_code == 200, accepted.text


async def each_is_there_once(scene: Scene, batch_id: str, infra: str) -> None:
    """By UpCloud, by the ledger, and by the inventory: the same servers."""
    there = {name_of(server): server for server in scene.upcloud.servers()}
    assert Counter(map(name_of, scene.upcloud.servers())) == Counter(NAMES)
    effects = await answer(scene.stack, "/inventory/effects", batch_id=batch_id, limit=1000)
    assert Counter((e["kind"], e["server"]) for e in effects) == Counter(("server_created", n) for n in NAMES)
    assert {e["server"]: e["id"] for e in effects} == {name: label(s, "owner") for name, s in there.items()}
    inventory = await answer(scene.stack, "/inventory/servers", infra=infra)
    known = {server["name"]: server["ssh"]["host"] for server in inventory}
    assert known == {name: public_address(server) for name, server in there.items()}


async def each_can_be_deleted(stack: Stack, infra: str) -> None:
    away = operation("away", [], infra, operation="delete", server_configs=[{"name": n} for n in NAMES])
    batch = await ended(stack, await submit(stack, [away | {"provider": "upcloud"}]))
    assert batch["status"] == "Completed", batch


def label(server: dict[str, Any], key: str) -> str:
    labels = {one["key"]: one["value"] for one in server["labels"]["label"]}
    return str(labels[f"provisioning-{key}"])


def name_of(server: dict[str, Any]) -> str:
    return label(server, "name")


def public_address(server: dict[str, Any]) -> str:
    addresses = {one["access"]: one["address"] for one in server["ip_addresses"]["ip_address"]}
    return str(addresses["public"])
