"""Rollbacks of real servers and task services: what cannot be undone, what stands on what, and any moment."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from activities.mongo.stores import open_stores
from tests.support.rollbacks import contents
from tests.support.stack import ROOT, Stack, a_stack, eventually
from tests.support.world import World, answer, completed, ended, operation, server, submit, taskserv
from workflows.domain.events import EventType


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("real-rollbacks") / "state"
    changes = {"catalogue_dirs": str(ROOT / "tests" / "catalogue"), "local_isolation": "process"}
    async with a_stack(folder, **changes) as started:
        await started.start()
        yield started


async def make_checkpoint(stack: Stack) -> str:
    made = await stack.http.post("/rollback/checkpoints", json={"name": "before"})
    assert made.status_code == 200, made.text
    return str(made.json()["data"])


async def asked(
    stack: Stack, *, key: str | None = None, dry_run: bool = False, **body: Any
) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await stack.http.post(
        "/rollback/execute", json=body, headers=headers, params={"dry_run": dry_run}, timeout=300
    )


async def rolled_back(stack: Stack, key: str | None = None, **body: Any) -> Any:
    sent = await asked(stack, key=key, **body)
    assert sent.status_code == 200, sent.text
    return sent.json()["data"]


def counts(result: Any) -> tuple[bool, int, int]:
    return result["success"], result["operations_executed"], result["operations_failed"]


async def test_what_cannot_be_undone_is_named_and_left_for_the_next_time(stack: Stack) -> None:
    infra, key = "stuck", str(uuid4())
    await completed(
        stack,
        [
            operation("old", [], infra, server_configs=[server("a"), server("b")]),
            operation("on-old", ["old"], infra, taskservs=["beacon"]),
        ],
    )
    changed = taskserv("beacon", message="changed")
    before, checkpoint = await World.observe(stack), await make_checkpoint(stack)
    await completed(
        stack,
        [
            operation("flaky", [], infra, taskservs=["flaky"], servers=["a", "b"]),
            operation("echo", [], infra, taskservs=["echo"], servers=["b"]),
            operation("change", ["echo"], infra, taskservs=[changed], servers=["b"]),
            operation("new", [], infra, server_configs=[server("c")]),
            operation("on-new", ["new"], infra, taskservs=["flaky"]),
        ],
    )
    (root,) = (stack.state_dir / "servers" / infra / "a").glob("*/srv")
    cause = root / "flaky" / "keep"
    cause.mkdir()

    result = await rolled_back(stack, key, checkpoint_id=checkpoint)
    assert counts(result) == (False, 5, 1), result
    assert (result["status"], result["error"]) == ("Failed", "1 of 6 changes could not be undone")
    (line,) = result["remaining"]
    assert line.startswith("taskserv installed stuck/a/flaky: ") and "while there is" in line
    await it_is_told_everywhere(stack, result["rollback_id"], line)
    await one_stays_open(stack, infra, checkpoint)

    cause.rmdir()
    # To ask again with the key is to ask what came of it.
    again = await asked(stack, key=key, checkpoint_id=checkpoint)
    assert (again.json()["data"], again.headers["Idempotency-Replayed"]) == (result, "true")
    rest = await rolled_back(stack, checkpoint_id=checkpoint)
    assert counts(rest) == (True, 1, 0), rest
    (undone,) = await answer(stack, "/inventory/effects", task_id=rest["rollback_id"])
    assert undone["resource"] == "taskserv:stuck/a/flaky"
    assert (await World.observe(stack)).since(before) == []
    assert counts(await rolled_back(stack, checkpoint_id=checkpoint)) == (True, 0, 0)


async def it_is_told_everywhere(stack: Stack, rollback: str, line: str) -> None:
    task = await answer(stack, f"/tasks/{rollback}")
    assert (task["status"], task["error"]) == ("Failed", "1 of 6 changes could not be undone")
    assert task["output"] == f"5 changes undone\n{line}"
    snapshots = await answer(stack, f"/state/workflows/{rollback}/snapshots")
    assert [one["state"] for one in snapshots] == ["Running"] * 7 + ["Failed"]
    assert [one for one in snapshots if one["details"]["step"] == f"could not undo: {line}"]
    assert line in snapshots[-1]["details"]["output"]
    stores = open_stores(stack.settings)
    try:
        events = [event for _, event in await stores.event_log.read(0, 10_000)]
    finally:
        await stores.close()
    ours = [event for event in events if event.metadata.get("task_id") == rollback]
    changes = [event for event in ours if event.event_type is EventType.TASK_STATUS_CHANGED]
    moves = [(event.data["previous_status"], event.data["status"]) for event in changes]
    assert moves == [("Pending", "Running"), *[("Running", "Running")] * 6, ("Running", "Failed")]
    assert f"could not undo: {line}" in [event.data["step"] for event in changes]
    logged = [event for event in ours if event.event_type is EventType.LOG_ENTRY]
    assert any("while there is" in str(event.data) for event in logged)


MADE = ("flaky", "echo", "change", "new", "on-new")


async def one_stays_open(stack: Stack, infra: str, checkpoint: str) -> None:
    """In the ledger, in what a rollback would do, and in the world, where it works as before."""
    effects = await answer(stack, "/inventory/effects", limit=1000)
    left = [e for e in effects if e.get("operation_id") in MADE and not {"undoes", "undone_by"} & e.keys()]
    assert [(e["resource"], e["kind"]) for e in left] == [("taskserv:stuck/a/flaky", "taskserv_installed")]
    would = (await asked(stack, checkpoint_id=checkpoint, dry_run=True)).json()["data"]["would_undo"]
    assert [step["resource"] for step in would] == ["stuck/a/flaky"]
    servers = await answer(stack, "/inventory/servers", infra=infra)
    running = {s["name"]: {t["name"]: t["health"] for t in s["task_services"]} for s in servers}
    assert running == {"a": {"beacon": "Healthy", "flaky": "Healthy"}, "b": {"beacon": "Healthy"}}


async def test_what_another_task_service_needs_is_not_undone_alone(stack: Stack) -> None:
    infra = "needed"
    await completed(stack, [operation("make", [], infra, server_configs=[server("a")])])
    batch = await completed(
        stack,
        [
            operation("beacon", [], infra, taskservs=["beacon"], servers=["a"]),
            operation("echo", ["beacon"], infra, taskservs=["echo"], servers=["a"]),
        ],
    )
    refused = await asked(stack, operation_ids=["beacon"])
    assert refused.status_code == 409
    assert f"{batch['batch_id']}/echo" in refused.json()["error"]
    await completed(
        stack,
        [operation("drop", [], infra, taskservs=["beacon", "echo"], operation="delete", servers=["a"])],
    )
    # In one operation they come back together, in their order.
    assert counts(await rolled_back(stack, operation_ids=["drop"])) == (True, 2, 0)
    assert counts(await rolled_back(stack, operation_ids=["beacon", "echo"])) == (True, 2, 0)
    (left,) = await answer(stack, "/inventory/servers", infra=infra)
    assert left["task_services"] == []


CHAINS = 10


def fifty(infra: str) -> list[dict[str, Any]]:
    """10 chains: a server, two task services, and two changes."""
    operations = []
    for number in range(CHAINS):
        name, changed = f"box{number}", taskserv("beacon", message=f"changed {number}")
        operations += [
            operation(name, [], infra, server_configs=[server(name)]),
            operation(f"beacon-{name}", [name], infra, taskservs=["beacon"]),
            operation(f"echo-{name}", [f"beacon-{name}"], infra, taskservs=["echo"]),
            operation(f"change-{name}", [f"echo-{name}"], infra, taskservs=[changed]),
            operation(
                f"drop-{name}",
                [f"change-{name}"],
                infra,
                taskservs=["echo"],
                operation="delete",
                servers=[name],
            ),
        ]
    return operations


async def test_a_moment_in_the_middle_of_a_batch_comes_back(stack: Stack) -> None:
    infra = "amid"
    batch_id = await submit(stack, fifty(infra), parallel_limit=6)

    async def some_are_written() -> bool:
        return len(await effects_of(stack, batch_id)) >= 15

    await eventually(some_are_written, within=120)
    checkpoint = await make_checkpoint(stack)
    batch = await ended(stack, batch_id)
    assert batch["status"] == "Completed", batch
    stores = open_stores(stack.settings)
    try:
        kept = await stores.checkpoints.get(checkpoint)
        picture = await stores.checkpoints.picture(checkpoint)
        assert kept is not None and picture is not None
        effects = await effects_of(stack, batch_id)
        since = {effect["id"] for effect in effects if effect["position"] > kept.position}
        print(f"{len(since)} of {len(effects)} effects came after the checkpoint")
        assert 0 < len(since) < len(effects) == 5 * CHAINS

        result = await rolled_back(stack, checkpoint_id=checkpoint)
        assert counts(result) == (True, len(since), 0), result
        undone = await answer(stack, "/inventory/effects", task_id=result["rollback_id"], limit=100)
        assert {effect["undoes"] for effect in undone} == since
        assert contents(await stores.inventory.picture()) == contents(picture)
    finally:
        await stores.close()
    await it_is_what_runs(stack, infra)


async def effects_of(stack: Stack, batch_id: str) -> list[Any]:
    found: list[Any] = await answer(stack, "/inventory/effects", batch_id=batch_id, limit=100)
    return found


async def it_is_what_runs(stack: Stack, infra: str) -> None:
    """Each task service of the inventory answers with its parameters, and there is no other."""
    servers = await answer(stack, "/inventory/servers", infra=infra)
    services = [service for one in servers for service in one["task_services"]]
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        for service in services:
            assert (await client.get(f"http://{service['address']}/")).text == service["params"]["message"]
    ports = (await World.observe(stack)).ports
    assert {f"{one['ssh']['host']}:{one['ssh']['port']}" for one in servers} <= set(ports)
    hosts = {one["ssh"]["host"] for one in servers}
    assert len([port for port in ports if port.partition(":")[0] in hosts]) == len(servers) + len(services)
