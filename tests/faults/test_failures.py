"""One of 12 operations fails: nothing is left of the batch, or all that does not need it is done.

`TEST_ROUNDS=12` lets each of the operations fail in turn; otherwise some chosen ones do.
"""

from collections.abc import AsyncIterator

import pytest

from tests.support.dozen import NEEDS, dependents, dozen, old_server, port_in_use
from tests.support.stack import ROOT, Stack, a_stack
from tests.support.world import (
    ROUNDS,
    World,
    answer,
    completed,
    delete_servers,
    ended,
    operation,
    server,
    submit,
    tasks,
    taskserv,
)

FAILING = list(NEEDS) if len(NEEDS) <= ROUNDS else ["web", "pool-flaky", "late", "old-beacon"]


@pytest.fixture(scope="module")
async def failing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("failures") / "state"
    async with a_stack(folder, catalogue_dirs=str(ROOT / "tests" / "catalogue")) as started:
        await started.start()
        yield started


@pytest.mark.parametrize("name", FAILING)
async def test_a_failure_with_rollback_leaves_the_world_as_it_was(failing: Stack, name: str) -> None:
    infra = f"back-{name}"
    async with old_server(failing, infra) as before:
        with port_in_use() as port:
            batch_id = await submit(failing, dozen(infra, name, port), rollback_enabled=True)
            batch = await ended(failing, batch_id)
        assert (await World.observe(failing)).since(before) == []
        assert batch["status"] == "Failed"
        assert name in batch["error"]
        assert "remaining" not in batch
        await has_failed_alone(failing, batch_id, name)
        effects = await answer(failing, "/inventory/effects", batch_id=batch_id, limit=1000)
        assert [e for e in effects if e.get("undoes") is None and e.get("undone_by") is None] == []
    assert await answer(failing, "/inventory/servers", infra=infra) == []


async def has_failed_alone(stack: Stack, batch_id: str, name: str) -> None:
    """Where rollback is on: what needs it never ran, and what is independent ended one way or the other."""
    statuses = {one: task["status"] for one, task in (await tasks(stack, batch_id)).items()}
    assert statuses.pop(name) == "Failed"
    assert {statuses.pop(one) for one in dependents(name)} <= {"Cancelled"}
    assert set(statuses.values()) <= {"Completed", "Cancelled"}


@pytest.mark.parametrize("name", FAILING)
async def test_a_failure_without_rollback_stops_only_what_needs_it(failing: Stack, name: str) -> None:
    infra = f"on-{name}"
    nothing = await World.observe(failing)
    async with old_server(failing, infra):
        with port_in_use() as port:
            batch_id = await submit(failing, dozen(infra, name, port), rollback_enabled=False)
            batch = await ended(failing, batch_id)
        assert batch["status"] == "Failed"
        rows = await tasks(failing, batch_id)
        statuses = {one: row["status"] for one, row in rows.items()}
        expected = dict.fromkeys(NEEDS, "Completed") | dict.fromkeys(dependents(name), "Cancelled")
        assert statuses == expected | {name: "Failed"}
        assert rows[name]["error"]
        effects = await answer(failing, "/inventory/effects", batch_id=batch_id, limit=1000)
        kept = {e["operation_id"] for e in effects if e.get("undoes") is None and e.get("undone_by") is None}
        done = {one for one, status in statuses.items() if status == "Completed"}
        assert done <= kept <= done | {name}
    # What stayed can be deleted like anything else.
    assert (await World.observe(failing)).since(nothing) == []


async def test_what_is_in_the_way_of_a_server_fails_it_at_once_and_stays(failing: Stack) -> None:
    obstacle = failing.state_dir / "servers" / "blocked" / "here"
    obstacle.parent.mkdir(parents=True)
    obstacle.write_text("somebody's notes")
    before = await World.observe(failing)
    batch_id = await submit(
        failing,
        [
            operation("first", [], "blocked", server_configs=[server("there")]),
            operation("blocked", ["first"], "blocked", server_configs=[server("too"), server("here")]),
        ],
    )
    batch = await ended(failing, batch_id)
    assert (await World.observe(failing)).since(before) == []
    assert batch["status"] == "Failed"
    assert "remaining" not in batch
    assert str(obstacle) in (await tasks(failing, batch_id))["blocked"]["error"]
    assert obstacle.read_text() == "somebody's notes"
    obstacle.unlink()


async def test_what_could_not_be_undone_is_named_and_the_rest_is_undone(failing: Stack) -> None:
    infra = "stuck"
    nothing = await World.observe(failing)
    await completed(failing, [operation("old", [], infra, server_configs=[server("old")])])
    before = await World.observe(failing)
    batch_id = await submit(
        failing,
        [
            operation("stays", [], infra, taskservs=[taskserv("flaky", fail="delete")], servers=["old"]),
            operation("beacon", ["stays"], infra, taskservs=["beacon"], servers=["old"]),
            operation("new", ["beacon"], infra, server_configs=[server("new")]),
            operation("fails", ["new"], infra, taskservs=[taskserv("flaky", fail="create")]),
        ],
    )
    batch = await ended(failing, batch_id)

    assert batch["status"] == "Failed"
    (line,) = batch["remaining"]
    assert line.startswith(f"stays: taskserv installed {infra}/old/flaky: ")
    assert "told to fail at delete" in line
    progress = await answer(failing, f"/state/workflows/{batch_id}/progress")
    assert (progress["progress"], progress["current_step"]) == (100.0, "failed")
    snapshots = await answer(failing, f"/state/workflows/{batch_id}/snapshots")
    assert snapshots[-1]["details"]["remaining"] == [line]
    stays = (await tasks(failing, batch_id))["stays"]
    assert stays["status"] == "Completed"
    assert "1 could not be undone" in stays["output"]

    effects = await answer(failing, "/inventory/effects", batch_id=batch_id, limit=1000)
    open_effects = [e for e in effects if e.get("undoes") is None and e.get("undone_by") is None]
    assert [(e["operation_id"], e["kind"]) for e in open_effects] == [("stays", "taskserv_installed")]
    (old,) = await answer(failing, "/inventory/servers", infra=infra)
    assert old["name"] == "old"
    assert [(s["name"], s["health"]) for s in old["task_services"]] == [("flaky", "Healthy")]
    # Nothing but that service is left (and empty folders, in which services have theirs).
    servers = failing.state_dir / "servers"
    left = (await World.observe(failing)).since(before)
    files = {line.removeprefix("+ files: ") for line in left if line.startswith("+ files: ")}
    # (An inventory line that has changed has also gone as it was.)
    others = [line for line in left if not line.startswith(("+ files: ", "- inventory: "))]
    assert any(file.endswith("flaky/server.py") for file in files)
    assert [f for f in files if "flaky" not in f and not (servers / f).is_dir()] == []
    assert all("flaky" in line or f"{old['ssh']['host']}:7072" in line for line in others), others
    await delete_servers(failing, infra)
    assert (await World.observe(failing)).since(nothing) == []


async def test_what_stands_on_a_server_of_the_same_batch_goes_down_with_it(failing: Stack) -> None:
    infra = "sunk"
    before = await World.observe(failing)
    with port_in_use() as port:
        batch_id = await submit(
            failing,
            [
                operation("new", [], infra, server_configs=[server("new")]),
                operation("sinks", ["new"], infra, taskservs=[taskserv("flaky", fail="delete")]),
                operation("fails", ["sinks"], infra, taskservs=[taskserv("beacon", port=port)]),
            ],
        )
        batch = await ended(failing, batch_id)
    assert batch["status"] == "Failed"
    assert "remaining" not in batch
    assert (await World.observe(failing)).since(before) == []
    effects = await answer(failing, "/inventory/effects", batch_id=batch_id, limit=1000)
    undone = {e["undoes"] for e in effects if e.get("undoes")}
    assert undone == {e["id"] for e in effects if not e.get("undoes")}
