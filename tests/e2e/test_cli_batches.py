"""`provisioning batch` and what one sees of it, in a pipe, against a whole stack."""

import asyncio
import json
import re
from typing import Any
from uuid import uuid4

import yaml

from tests.support import world
from tests.support.command_line import CommandLine
from tests.support.stack import Stack, eventually
from tests.support.world import delete_servers, operation, server, taskserv


def batch(name: str, *operations: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "operations": list(operations)}


async def test_a_batch_is_followed_line_by_line_and_found_again(operator: CommandLine, stack: Stack) -> None:
    infra = "cli-piped"
    wanted = batch(
        "piped",
        operation("box", [], infra, server_configs=[server("box")]),
        operation("service", ["box"], infra, taskservs=[taskserv("flaky", fail="later")]),
    )
    watched = await operator.run("batch", "submit", "-", "--watch", stdin=yaml.safe_dump(wanted))
    assert watched.code == 0, watched
    batch_id = watched.err.split()[1]
    told = [line[10:] for line in watched.out.splitlines()]
    for line in ("box: Completed", f"service | [{infra}/box flaky] not now", "service: Completed"):
        assert line in told, watched.out
    assert told[-1].startswith("batch piped: Completed in ")
    assert told[-1].endswith(" (2 completed)")
    assert "\x1b" not in watched.out + watched.err

    task_id = (await world.tasks(stack, batch_id))["service"]["id"]
    reading = (
        ("batch", "list"),
        ("batch", "show", batch_id),
        ("tasks", "list", "--status", "Completed"),
        ("tasks", "show", task_id),
        ("tasks", "logs", task_id),
        ("inventory", "servers", "--infra", infra),
        ("inventory", "effects", "--batch", batch_id),
    )
    found = [await operator.inside(*words) for words in reading]
    assert [ended.code for ended in found] == [0] * len(found), found
    batches, shown, tasks, task, logs, servers, effects = (ended.out.splitlines() for ended in found)
    followed = (await operator.run("tasks", "logs", "-f", task_id, "--json")).out.splitlines()
    (row,) = [line for line in batches if batch_id in line]
    assert row.split("\t")[:4] == [batch_id, "piped", "Completed", "2/2"]
    assert shown[:3] == [f"batch_id\t{batch_id}", "name\tpiped", "status\tCompleted"]
    assert f"service\tCompleted\t100.0\t{task_id}" in shown
    assert task_id in [line.split("\t")[0] for line in tasks]
    assert {f"id\t{task_id}", "name\tservice", f"batch_id\t{batch_id}"} <= set(task)
    assert [f"output\t{line}" for line in logs] == [line for line in task if line.startswith("output\t")]
    assert [json.loads(line)["line"] for line in followed] == logs
    (one,) = servers
    assert one.split("\t")[:6] == [infra, "box", "local", "1xCPU-1GB", "local", "Running"]
    assert one.endswith("\tflaky")
    assert [line.split("\t")[2] for line in effects] == ["taskserv_installed", "server_created"]
    for words, path, query in (
        (("batch", "list"), "/batch/operations", {"limit": 50}),
        (("tasks", "list"), "/tasks", {"limit": 50}),
        (("tasks", "show", task_id), f"/tasks/{task_id}", {}),
        (("inventory", "effects", "--limit", "2"), "/inventory/effects", {"limit": 2}),
        (("inventory", "servers", "--infra", infra), "/inventory/servers", {"infra": infra}),
        (("inventory", "locks"), "/locks", {}),
        (("checkpoint", "list"), "/rollback/checkpoints", {"limit": 50}),
    ):
        ended = await operator.inside(*words, "--json")
        assert ended.json() == await world.answer(stack, path, **query), words
    await tables_are_shown(operator, infra, batch_id, task_id)
    await completion_offers_what_there_is(operator, batch_id, task_id)
    await delete_servers(stack, infra)


async def tables_are_shown(operator: CommandLine, infra: str, batch_id: str, task_id: str) -> None:
    """A terminal gets headings, colours and ages; ids stay whole, so that they can be copied."""
    cases = {
        ("batch", "list"): (
            r"batch id +name +status +done +created at",
            rf"{batch_id} +piped +Completed +2/2",
        ),
        ("batch", "show", batch_id): (
            r"operation +status +progress +task id",
            rf"service +Completed.+{task_id}",
        ),
        ("tasks", "list"): (
            r"id +name +status +progress +created at",
            rf"{task_id} +service +Completed +100%",
        ),
        ("tasks", "show", task_id): (
            r"command +provisioning taskserv create flaky",
            rf"batch id +{batch_id}",
        ),
        ("tasks", "logs", task_id): (rf"installed flaky on {infra}/box", ""),
        ("inventory", "servers", "--infra", infra): (r"infra +name +provider", r"box +local +1xCPU-1GB"),
        ("inventory", "effects", "--batch", batch_id): (r"position +at +kind +what", r" ago +server_created"),
        ("inventory", "locks"): (r"infra +status +servers +what +since", ""),
        ("checkpoint", "list"): (r"id +name +description +size +created at", ""),
        ("health",): (r"server +http://", r"health +"),
        ("whoami",): (r"username +admin", r"roles +admin"),
    }
    shown = await operator.each_on_terminal(list(cases))
    for text, (words, patterns) in zip(shown, cases.items(), strict=True):
        for pattern in patterns:
            assert re.search(pattern, text), (words, pattern, text)


async def completion_offers_what_there_is(operator: CommandLine, batch_id: str, task_id: str) -> None:
    cases = {
        ("batch", "watch", "--profile", "default", batch_id[:10]): [batch_id],
        ("tasks", "logs", "--profile", "nobody", task_id[:10]): [],
        ("tasks", "logs", "--profile", ""): ["default"],
    }
    offered = await asyncio.gather(*(operator.completed(*words) for words in cases))
    assert dict(zip(cases, offered, strict=True)) == cases


async def test_json_is_one_document_and_progress_goes_beside_it(operator: CommandLine, stack: Stack) -> None:
    wanted = batch("failing", operation("away", [], "cli-json", taskservs=["beacon"]))
    failed = await operator.run("batch", "submit", "-", "--watch", "--json", stdin=json.dumps(wanted))
    assert failed.code == 5, failed
    state = json.loads(failed.out)
    assert (state["status"], state["operations"][0]["status"]) == ("Failed", "Failed")
    assert "error: away: there is no server to work on" in failed.err
    assert "batch failing: Failed in " in failed.err
    shown = await operator.inside("batch", "show", state["batch_id"], "--json")
    again = await operator.run("batch", "watch", state["batch_id"], "--json")
    assert shown.json() == state == json.loads(again.out)
    assert again.code == 5


async def test_a_cancel_can_be_waited_for(operator: CommandLine, stack: Stack) -> None:
    infra = "cli-cancelled"
    wanted = batch(
        "slow",
        operation("box", [], infra, server_configs=[server("box")]),
        operation("slow", ["box"], infra, taskservs=[taskserv("flaky", seconds=300)]),
    )
    submitted = await operator.inside("batch", "submit", "-", "--json", stdin=json.dumps(wanted))
    batch_id = submitted.json()["batch_id"]

    async def is_held() -> bool:
        locks = await operator.inside("inventory", "locks", "--infra", infra)
        return locks.out.split("\t")[:3] == [infra, "Held", "box"]

    # Whoever submits a batch has not waited for it to begin.
    await eventually(is_held)
    behind = await world.submit(stack, [operation("late", [], infra, taskservs=["beacon"], servers=["box"])])
    waiting = await operator.start("batch", "watch", behind)
    assert waiting.stdout is not None
    told = f"a batch: Running 0% waiting for servers of infra {infra}: behind batch slow ({batch_id})"
    while told not in (line := (await waiting.stdout.readline()).decode()):
        assert line, "whom it waits for is told"

    cancelled = await operator.run("batch", "cancel", batch_id, "--wait", "--json")
    assert (cancelled.code, json.loads(cancelled.out)["status"]) == (0, "Cancelled"), cancelled
    watched = await operator.run("batch", "watch", batch_id)
    again = await operator.inside("batch", "cancel", batch_id)
    assert watched.code == 6
    assert (again.code, "has already ended: Cancelled" in again.err) == (1, True)
    await waiting.communicate()
    assert waiting.returncode == 5, "its server is gone with what was cancelled"


async def test_what_there_is_not_is_told_and_does_not_go_on(operator: CommandLine) -> None:
    for words in (("batch", "watch"), ("tasks", "logs", "-f"), ("batch", "cancel", "--wait")):
        unknown = await operator.run(*words, str(uuid4()))
        assert (unknown.code, unknown.out) == (1, ""), unknown
        (line,) = unknown.err.splitlines()
        assert line.startswith("error: "), unknown


async def test_mistakes_are_told_by_line_and_nothing_is_sent(operator: CommandLine, stack: Stack) -> None:
    before = await world.answer(stack, "/batch/operations", limit=1)
    wanted = "name: x\noperations:\n- {id: a, type: server_batch, provider: local, dependencies: [b]}\n"
    refused = await operator.run("batch", "submit", "-", stdin=wanted)
    as_json = await operator.inside("batch", "submit", "-", "--json", stdin=wanted)
    assert refused.code == 2
    assert refused.err.splitlines() == [
        "stdin:3:3: operations[0].config.server_configs: is missing",
        "stdin:3:63: operations[0].dependencies[0]: there is no operation b",
        "error: stdin has 2 mistakes; nothing was sent",
    ]
    assert (as_json.code, json.loads(as_json.out)["mistakes"][1]["column"]) == (2, 63)
    assert await world.answer(stack, "/batch/operations", limit=1) == before


async def test_what_would_change_is_shown_and_not_done(operator: CommandLine, stack: Stack) -> None:
    box = operation("box", [], "cli-checked", server_configs=[server("box")])
    plan = [
        "+ server cli-checked/box  (local, 1xCPU-1GB, local)",
        "plan: 1 to create, 0 to change, 0 to delete",
    ]
    alone = await operator.run("batch", "submit", "-", "--check", stdin=json.dumps(batch("one", box)))
    assert (alone.code, alone.out.splitlines()) == (0, plan)
    wrong = operation("wrong", [], "cli-checked", operation="delete", server_configs=[{"name": "box"}])
    wanted = batch("two", box, wrong) | {"rollback_enabled": False}
    both = await operator.run("batch", "submit", "-", "--check", stdin=json.dumps(wanted))
    assert (both.code, both.out.splitlines()) == (
        5,
        ["box:", *plan, "wrong:", "Plan: 1 to create, 0 to change, 0 to delete."],
    )
    assert "error: wrong: infra cli-checked has no server box" in both.err
    options = ("--infra", "cli-checked", "--provider", "local", "--plan", "1xCPU-1GB", "--zone", "local")
    by_words = await operator.run("servers", "create", "box", *options, "--check", "--json")
    (task,) = by_words.json()
    assert task["output"].splitlines() == plan
    assert "--check" in task["args"]
    assert await world.answer(stack, "/inventory/servers", infra="cli-checked") == []
