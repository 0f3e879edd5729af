"""Kill -9 at random moments of a full rollback of 40 effects: the checkpoint's world, and each undone once.

`TEST_ROUNDS` says how many rollbacks in a row (one by default), `TEST_SEED` makes their moments repeatable.
They go back and forth between two checkpoints, so from the second one on what is undone are undoings. By
itself it is on a wide stack (`tests/support/topology.py`), so that others are there to take over.
"""

import asyncio
import contextlib
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.stack import ROOT, Stack, a_stack, eventually
from tests.support.topology import WIDE
from tests.support.world import World, answer, completed, operation, server, taskserv

ROUNDS = int(os.environ.get("TEST_ROUNDS", "1"))
SEED = int(os.environ.get("TEST_SEED", random.SystemRandom().randrange(10_000)))
INFRA = "undone"
EFFECTS = 40
NEW = 9
REMOVAL: dict[str, Any] = {"taskservs": ["echo"], "operation": "delete"}
OLD = ("old0", "old1", "old2")


def at_first() -> list[dict[str, Any]]:
    """Servers with two task services each, of which one needs the other."""
    operations = []
    for name in (*OLD, "gone"):
        operations += [
            operation(name, [], INFRA, server_configs=[server(name)]),
            operation(f"on-{name}", [name], INFRA, taskservs=["beacon", "echo"]),
        ]
    return operations


def changes() -> list[dict[str, Any]]:
    """40 effects of every kind."""
    operations = [
        operation("plain", [], INFRA, server_configs=[server("plain")]),
        operation("delete", [], INFRA, operation="delete", server_configs=[{"name": "gone"}]),
        operation("flaky", [], INFRA, taskservs=["flaky"], servers=[*OLD]),
    ]
    for number in range(NEW):
        name = f"new{number}"
        operations += [
            operation(name, [], INFRA, server_configs=[server(name)]),
            operation(f"beacon-{name}", [name], INFRA, taskservs=["beacon"]),
            operation(f"echo-{name}", [f"beacon-{name}"], INFRA, taskservs=["echo"]),
        ]
    for name in OLD:
        changed = taskserv("beacon", message="changed")
        operations += [
            operation(f"change-{name}", ["flaky"], INFRA, taskservs=[changed], servers=[name]),
            operation(
                f"remove-{name}",
                [f"change-{name}"],
                INFRA,
                taskservs=["echo"],
                operation="delete",
                servers=[name],
            ),
        ]
    return operations


@dataclass
class Stage:
    """A stack, and two moments with their worlds: each is the other one's rollback."""

    stack: Stack
    checkpoints: tuple[str, str]
    worlds: tuple[World, World]


@pytest.fixture(scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("rollback-kills") / "state"
    async with a_stack(folder, WIDE, catalogue_dirs=str(ROOT / "tests" / "catalogue")) as stack:
        await stack.start()
        await completed(stack, at_first(), parallel_limit=8)
        before, checkpoint = await World.observe(stack), await make_checkpoint(stack)
        await completed(stack, changes(), parallel_limit=8)
        after, other = await World.observe(stack), await make_checkpoint(stack)
        yield Stage(stack, (checkpoint, other), (before.wherever(), after.wherever()))


async def make_checkpoint(stack: Stack) -> str:
    made = await stack.http.post("/rollback/checkpoints", json={"name": "a moment"})
    assert made.status_code == 200, made.text
    return str(made.json()["data"])


@dataclass
class Caller:
    """Who wants a rollback, and sends the request again whenever the answer was lost."""

    stack: Stack
    body: dict[str, Any]
    keyed: bool
    headers: dict[str, str] = field(default_factory=dict)
    refusals: int = 0
    """How often the answer was that it runs already."""

    def __post_init__(self) -> None:
        self.headers = {"Authorization": self.stack.http.headers["Authorization"]}
        if self.keyed:
            self.headers["Idempotency-Key"] = str(uuid4())

    async def send(self) -> httpx.Response:
        # Its own connection, which knows nothing of what happens to the stack.
        async with self.stack.anonymous(timeout=600) as client:
            return await client.post("/rollback/execute", json=self.body, headers=self.headers)

    async def insist(self) -> httpx.Response:
        while True:
            with contextlib.suppress(httpx.TransportError):
                answered = await self.send()
                if answered.status_code == 409:
                    assert not self.keyed, answered.text
                    self.refusals += 1
                elif answered.status_code != 503:
                    return answered
            await asyncio.sleep(0.3)


async def running_rollback(stack: Stack) -> str | None:
    for task in await answer(stack, "/tasks", status="Running"):
        if task["name"].startswith("rollback"):
            return str(task["id"])
    return None


async def steps_undone(stack: Stack, steps: int, sent: asyncio.Task[httpx.Response]) -> None:
    """Waits until so many are, or all that there are."""

    async def reached() -> bool:
        rollback = await running_rollback(stack)
        if rollback is None:
            return sent.done()
        progress = await answer(stack, f"/state/workflows/{rollback}/progress")
        return bool(progress["completed_steps"] >= steps)

    await eventually(reached, within=300, every=0.1)


async def strike(stack: Stack, names: tuple[str, ...]) -> None:
    """Kills these, which come back; or all of them with the supervisor, which is started again."""
    if names != stack.members:
        for name in names:
            await stack.is_back(name, stack.kill(name))
        return
    for name in names:
        stack.kill(name)
    await stack.crash()
    await stack.start()


@pytest.mark.parametrize("turn", range(ROUNDS))
async def test_a_rollback_survives_the_death_of_its_worker_and_of_everything(stage: Stage, turn: int) -> None:
    chance = random.Random(SEED + turn)
    stack, target = stage.stack, turn % 2
    body = {"checkpoint_id": stage.checkpoints[target]}
    wanted = await would_be_undone(stack, body)
    assert len(wanted) == EFFECTS
    # The first two rounds go both ways; the others as it comes.
    caller = Caller(stack, body, keyed=turn == 1 if turn < 2 else chance.random() < 0.5)
    api, worker, everything = (stack.any_api(chance),), (stack.any_worker(chance),), stack.members
    more = [api, everything][turn] if turn < 2 else chance.choice([api, worker, everything])

    began = time.monotonic()
    sent = asyncio.create_task(caller.insist())
    for victims in ((stack.any_worker(chance),), more):
        await asyncio.sleep(chance.uniform(0.0, 1.0))
        await steps_undone(stack, chance.randrange(EFFECTS), sent)
        print(f"seed {SEED + turn}: {', '.join(victims)} die at {await where_it_is(stack)}")
        await strike(stack, victims)
        await is_refused_while_it_runs(stack, body)
    answered = await sent
    passed = time.monotonic() - began
    assert answered.status_code == 200, answered.text

    await everything_was_undone_once(stack, answered.json()["data"], caller, wanted, passed)
    assert (await World.observe(stack)).wherever().since(stage.worlds[target]) == []
    assert await answer(stack, "/locks") == []
    if caller.keyed:
        again = await caller.send()
        assert again.json()["data"] == answered.json()["data"]
        assert again.headers["Idempotency-Replayed"] == "true"


async def would_be_undone(stack: Stack, body: dict[str, Any]) -> set[str]:
    """The ids of the effects."""
    asked = await stack.http.post("/rollback/execute", params={"dry_run": True}, json=body)
    assert asked.status_code == 200, asked.text
    return {step["effect_id"] for step in asked.json()["data"]["would_undo"]}


async def where_it_is(stack: Stack) -> str:
    """While it can still be asked: over HTTP, as anybody finds it who has lost the answer."""
    rollback = await running_rollback(stack)
    if rollback is None:
        return "no moment of a rollback"
    progress = await answer(stack, f"/state/workflows/{rollback}/progress")
    if progress["total_steps"] == EFFECTS:
        assert await answer(stack, f"/state/workflows/{rollback}/snapshots")
    return f"{progress['completed_steps']} of {progress['total_steps']}"


async def is_refused_while_it_runs(stack: Stack, body: dict[str, Any]) -> None:
    """The same request of somebody else: where the rollback has ended, there is nothing left to do for it."""
    rollback = await running_rollback(stack)
    answered = await Caller(stack, body, keyed=False).send()
    if answered.status_code == 409:
        assert rollback is not None and rollback in answered.json()["error"], answered.text
        print("refused while it runs")
    elif answered.status_code == 200:
        assert answered.json()["data"]["operations_executed"] == 0, answered.text
    else:
        assert answered.status_code == 503, answered.text  # there is no worker yet to say who is in the way


async def everything_was_undone_once(
    stack: Stack, told: dict[str, Any], caller: Caller, wanted: set[str], passed: float
) -> None:
    newest = await answer(stack, "/inventory/effects", limit=3 * EFFECTS)
    undoing = [effect for effect in newest if effect.get("undoes") in wanted]
    assert Counter(effect["undoes"] for effect in undoing) == Counter(wanted)
    (rollback,) = {effect["task_id"] for effect in undoing}
    each_ran_once(stack, undoing)

    task = await answer(stack, f"/tasks/{rollback}")
    assert (task["status"], task["output"], task["error"]) == ("Completed", f"{EFFECTS} changes undone", None)
    snapshots = await answer(stack, f"/state/workflows/{rollback}/snapshots")
    assert [one["state"] for one in snapshots] == ["Running"] * (1 + EFFECTS) + ["Completed"]
    if told["rollback_id"] == rollback:
        counts = (told["success"], told["operations_executed"], told["operations_failed"])
        assert counts == (True, EFFECTS, 0)
        begun, ended = (datetime.fromisoformat(task[name]) for name in ("started_at", "completed_at"))
        assert told["duration"] == pytest.approx((ended - begun).total_seconds(), abs=0.01)
        assert told["duration"] < passed
    else:
        # Its answer was lost, and without a key the next request is another one, which found nothing to do.
        assert not caller.keyed
        assert (told["success"], told["operations_executed"], told["operations_failed"]) == (True, 0, 0)
    print(f"{rollback}: {task['completed_at']}, {caller.refusals} refusals while it ran")


def each_ran_once(stack: Stack, undoing: list[dict[str, Any]]) -> None:
    """On the servers that were never away, by their own memory of what was done on them."""
    ran = Counter(
        job.name.partition(".")[0]
        for name in OLD
        for job in (stack.state_dir / "servers" / INFRA / name).glob("*/var/lib/provisioning/jobs/*")
        if (job / "code").exists()
    )
    on_old = [effect["id"] for effect in undoing if effect["server"] in OLD]
    assert len(on_old) == 3 * len(OLD)
    assert {name: ran[name] for name in on_old} == dict.fromkeys(on_old, 1)
