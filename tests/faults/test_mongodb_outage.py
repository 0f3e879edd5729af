"""MongoDB is away in the middle of a batch: the batch goes on, and afterwards everything is written down.

15 seconds by default; with `TEST_ROUNDS` the whole minute.
"""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from activities.mongo.stores import open_stores
from tests.support.stack import ROOT, Stack, a_stack, eventually
from tests.support.world import (
    ROUNDS,
    World,
    answer,
    delete_servers,
    ended,
    operation,
    server,
    submit,
    tasks,
    taskserv,
)
from workflows.batch import BatchWorkflow
from workflows.codec import data_converter
from workflows.domain.batches import BatchResult, OperationResult
from workflows.domain.events import Event, EventType
from workflows.domain.progress import ProgressInfo

AWAY = 60 if ROUNDS else 15
"""Seconds without MongoDB."""
PAIRS = 20
"""Servers with a task service each."""
PACE = AWAY // 5
"""Seconds that a task service takes at least. Three at a time, so the batch outlasts the outage."""

GoesOn = Callable[[], Awaitable[bool]]
"""Whether the batch has gone on without MongoDB: however slow the machine, the outage is over only then."""
Outage = Callable[[Stack, GoesOn], Awaitable[None]]


async def frozen(stack: Stack, goes_on: GoesOn) -> None:
    """It takes connections and requests, and answers none."""
    stack.kill("mongodb", signal.SIGSTOP)
    try:
        await asyncio.sleep(AWAY)
        for _ in stack.apis:  # each in its turn
            assert (await stack.http.get("/inventory/effects")).status_code == 503
        await eventually(goes_on, within=300)
    finally:
        stack.kill("mongodb", signal.SIGCONT)


async def killed_again_and_again(stack: Stack, goes_on: GoesOn) -> None:
    """Whenever its supervisor brings it back."""
    until = time.monotonic() + AWAY

    async def is_over() -> bool:
        stack.kill("mongodb")
        return time.monotonic() >= until and await goes_on()

    await eventually(is_over, within=AWAY + 300, every=0.1)


@pytest.fixture(scope="module")
async def forgetful(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("outage") / "state"
    async with a_stack(folder, catalogue_dirs=str(ROOT / "tests" / "catalogue")) as started:
        await started.start()
        yield started


@pytest.mark.parametrize("outage", [frozen, killed_again_and_again])
async def test_a_batch_goes_on_without_mongodb(forgetful: Stack, outage: Outage) -> None:
    infra = f"outage-{outage.__name__}".replace("_", "-")
    nothing = await World.observe(forgetful)
    client = await Client.connect(forgetful.settings.temporal_target, data_converter=data_converter)
    batch_id = await submit(forgetful, pairs(infra), parallel_limit=3)
    handle: WorkflowHandle[BatchWorkflow, BatchResult] = client.get_workflow_handle_for(
        BatchWorkflow.run, batch_id
    )
    await eventually(lambda: has_completed(handle, 2), within=60)

    before = await completed_steps(handle)
    # Whatever waited for MongoDB could have ended three operations at most: those that ran already.
    await outage(forgetful, lambda: has_completed(handle, before + 4))
    after = await completed_steps(handle)
    print(f"{before} operations had ended before, {after} of {2 * PAIRS} after {AWAY} s without MongoDB")
    assert after > before + 3
    await ended(forgetful, batch_id)

    await the_read_model_is_what_the_workflows_say(forgetful, client, handle)
    await each_effect_is_there_once(forgetful, batch_id)
    await the_inventory_is_what_runs(forgetful, infra)
    await nothing_is_missing_among_the_events(forgetful, batch_id)
    await delete_servers(forgetful, infra)
    assert (await World.observe(forgetful)).since(nothing) == []


def pairs(infra: str) -> list[dict[str, Any]]:
    found = []
    for number in range(PAIRS):
        name = f"box{number}"
        service = taskserv("flaky", seconds=PACE)
        found += [
            operation(name, [], infra, server_configs=[server(name)]),
            operation(f"on-{name}", [name], infra, taskservs=[service]),
        ]
    return found


async def completed_steps(handle: WorkflowHandle[BatchWorkflow, BatchResult]) -> int:
    """Asked of the workflow itself."""
    progress: ProgressInfo = await handle.query(BatchWorkflow.progress)
    return progress.completed_steps


async def has_completed(handle: WorkflowHandle[BatchWorkflow, BatchResult], steps: int) -> bool:
    return await completed_steps(handle) >= steps


async def the_read_model_is_what_the_workflows_say(
    stack: Stack, client: Client, handle: WorkflowHandle[BatchWorkflow, BatchResult]
) -> None:
    result = await handle.result()
    batch = await answer(stack, f"/batch/operations/{handle.id}")
    assert batch["status"] == result.status.value == "Completed"
    assert (result.completed, result.failed, result.cancelled) == (2 * PAIRS, 0, 0)
    assert batch["completed_at"] is not None
    assert ("error" in batch, "remaining" in batch) == (False, False)
    progress = await answer(stack, f"/state/workflows/{handle.id}/progress")
    assert (progress["completed_steps"], progress["progress"]) == (2 * PAIRS, 100.0)

    rows = await tasks(stack, handle.id)
    assert len(rows) == 2 * PAIRS
    for name, row in rows.items():
        child = client.get_workflow_handle(row["id"], result_type=OperationResult)
        outcome = await child.result()
        told = (row["status"], row["output"], row["error"])
        assert told == (outcome.status.value, outcome.output, outcome.error), name
        assert row["created_at"] <= row["started_at"] <= row["completed_at"], name
        snapshots = await answer(stack, f"/state/workflows/{row['id']}/snapshots")
        states = [snapshot["state"] for snapshot in snapshots]
        assert (states[0], states[-1], states.count("Completed")) == ("Running", "Completed", 1), name


async def each_effect_is_there_once(stack: Stack, batch_id: str) -> None:
    effects = await answer(stack, "/inventory/effects", batch_id=batch_id, limit=1000)
    made = Counter((effect["kind"], effect["resource"]) for effect in effects)
    assert set(made.values()) == {1}, made
    kinds = Counter(kind for kind, _ in made)
    assert kinds == {"server_created": PAIRS, "taskserv_installed": PAIRS}
    newest = (await answer(stack, "/inventory/effects", limit=1))[0]["position"]
    everything = await answer(stack, "/inventory/effects", limit=1000)
    assert [effect["position"] for effect in everything] == list(range(newest, 0, -1))


async def the_inventory_is_what_runs(stack: Stack, infra: str) -> None:
    inventory = await answer(stack, "/inventory/servers", infra=infra)
    assert {item["name"] for item in inventory} == {f"box{number}" for number in range(PAIRS)}
    assert {item["status"] for item in inventory} == {"Running"}
    assert {tuple((s["name"], s["health"]) for s in item["task_services"]) for item in inventory} == {
        (("flaky", "Healthy"),)
    }
    running = {line.partition(":")[0] for line in (await World.observe(stack)).processes}
    assert running == {f"{infra}/{item['name']}" for item in inventory}


async def nothing_is_missing_among_the_events(stack: Stack, batch_id: str) -> None:
    events = await all_events(stack)
    assert [number for number, _ in events] == list(range(1, len(events) + 1))
    assert len({event.id for _, event in events}) == len(events)
    for row in (await tasks(stack, batch_id)).values():
        changes = [
            (event.data["previous_status"], event.data["status"])
            for _, event in events
            if event.event_type is EventType.TASK_STATUS_CHANGED and event.metadata["task_id"] == row["id"]
        ]
        moves = [(before, now) for before, now in changes if before != now]
        assert moves == [("Pending", "Running"), ("Running", "Completed")], row["name"]


async def all_events(stack: Stack) -> list[tuple[int, Event]]:
    stores = open_stores(stack.settings)
    found: list[tuple[int, Event]] = []
    try:
        while more := await stores.event_log.read(found[-1][0] if found else 0, 1000):
            found += more
    finally:
        await stores.close()
    return found
