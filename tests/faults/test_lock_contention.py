"""Two batches and a rollback that want the same three servers at once: one after the other, and all end.

`TEST_ROUNDS` says how often they are started together (twice by default).
"""

import asyncio
from collections.abc import AsyncIterator
from itertools import groupby, pairwise
from typing import Any

import pytest

from tests.support.stack import ROOT, Stack, a_stack
from tests.support.world import ROUNDS, answer, completed, ended, operation, server, submit, tasks, taskserv

TURNS = ROUNDS or 2
INFRA = "wanted"
SERVERS = ("a", "b", "c")
ENDS_WITHIN = 120
"""Seconds for all three of a turn: one that starves, or waits in a circle, takes for ever."""


@pytest.fixture(scope="module")
async def contended(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("contended") / "state"
    changes = {"catalogue_dirs": str(ROOT / "tests" / "catalogue"), "local_isolation": "process"}
    async with a_stack(folder, **changes) as started:
        await started.start()
        servers = [server(name) for name in SERVERS]
        await completed(started, [operation("make", [], INFRA, server_configs=servers)])
        yield started


@pytest.mark.parametrize("turn", range(TURNS))
async def test_all_end_and_never_two_at_once(contended: Stack, turn: int) -> None:
    made = await contended.http.post("/rollback/checkpoints", json={"name": f"before {turn}"})
    await batch(contended, "beacon", f"before turn {turn}")
    ends = len(await answer(contended, "/inventory/effects", limit=1000))
    async with asyncio.timeout(ENDS_WITHIN):
        one, other, (rollback, refusals) = await asyncio.gather(
            batch(contended, "beacon", f"turn {turn}"),
            batch(contended, "echo", f"turn {turn}"),
            roll_back(contended, made.json()["data"]),
        )
    assert [await status(contended, batch_id) for batch_id in (one, other)] == ["Completed", "Completed"]
    print(f"turn {turn}: {refusals} refusals, {rollback['operations_executed']} changes undone")
    assert rollback["success"] and rollback["operations_executed"] >= len(SERVERS), rollback
    spans = sorted(
        [
            *[span(list((await tasks(contended, batch_id)).values())) for batch_id in (one, other)],
            span([await answer(contended, f"/tasks/{rollback['rollback_id']}")]),
        ]
    )
    assert all(ended_at <= started_at for (_, ended_at), (started_at, _) in pairwise(spans)), spans
    effects = await answer(contended, "/inventory/effects", limit=1000)
    assert_in_turn(sorted(effects[: len(effects) - ends], key=lambda effect: effect["at"]))
    assert await answer(contended, "/locks") == []


async def batch(stack: Stack, service: str, message: str) -> str:
    """Brings a task service with new parameters onto all three servers; the batch's id, once it has ended."""
    wanted = taskserv(service, message=message) if service == "beacon" else taskserv(service)
    batch_id = await submit(stack, [operation(service, [], INFRA, taskservs=[wanted], servers=list(SERVERS))])
    await ended(stack, batch_id, within=ENDS_WITHIN)
    return batch_id


async def roll_back(stack: Stack, checkpoint: str) -> tuple[Any, int]:
    """Goes back as soon as nobody is in the way; the result, and how often somebody was."""
    refusals = 0
    while True:
        sent = await stack.http.post(
            "/rollback/execute", json={"checkpoint_id": checkpoint}, timeout=ENDS_WITHIN
        )
        if sent.status_code == 200:
            return sent.json()["data"], refusals
        assert sent.status_code == 409, sent.text
        assert "infra wanted" in sent.json()["error"]
        refusals += 1
        await asyncio.sleep(0.1)


async def status(stack: Stack, batch_id: str) -> str:
    return str((await answer(stack, f"/batch/operations/{batch_id}"))["status"])


def span(rows: list[Any]) -> tuple[str, str]:
    return min(row["started_at"] for row in rows), max(row["completed_at"] for row in rows)


def assert_in_turn(effects: list[Any]) -> None:
    """By their own times, all that one did comes before all that another did."""
    owners = [owner for owner, _ in groupby(effects, key=lambda e: e.get("batch_id") or e["task_id"])]
    assert len(owners) == len(set(owners)), owners
