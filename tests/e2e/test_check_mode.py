"""Check mode on a running stack: the plan is what is then done, and planning changes nothing anywhere.

8 changes by default; with `TEST_ROUNDS` that many.
"""

import os
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.stack import ROOT, Stack, a_stack, eventually
from tests.support.world import World, answer, completed, ended, operation, server, submit, tasks, taskserv

CHANGES = int(os.environ.get("TEST_ROUNDS", "8"))
INFRA = "plotted"
SERVERS, TASKSERV = "/workflows/servers/create", "/workflows/taskserv/create"
SIGNS = {
    "created": "+",
    "installed": "+",
    "configured": "~",
    "removed": "-",
    "deleted": "-",
    "restarted": "*",
}
Step = tuple[str, dict[str, Any]]


@pytest.fixture(scope="module")
async def plotted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("check")
    (folder / "infra" / INFRA).mkdir(parents=True)
    catalogue = str(ROOT / "tests" / "catalogue")
    async with a_stack(folder / "state", catalogue_dirs=catalogue, infra_dir=folder / "infra") as stack:
        await stack.start()
        yield stack


@dataclass
class Infra:
    """The settings of an infra, which change at random."""

    rng: random.Random
    servers: dict[str, dict[str, str | None]] = field(default_factory=dict)
    """By server, its task services and their messages."""

    def change(self) -> Step:
        """Changes the settings at one place; the submission that brings the world there."""
        bare = [name for name, services in self.servers.items() if "beacon" not in services]
        full = [name for name, services in self.servers.items() if services]
        choices = ["server"] if len(self.servers) < 3 else []
        choices += ["service"] if bare else []
        choices += ["message", "remove"] if full else []
        match self.rng.choice(choices):
            case "server":
                self.servers[f"s{len(self.servers) + 1}"] = {}
                return SERVERS, {}
            case "service":
                self.servers[self.rng.choice(bare)]["beacon"] = None
                return TASKSERV, {"operation": "create", "taskserv": "beacon"}
            case "message":
                words = f"word {self.rng.randrange(10**6)}"
                self.servers[self.rng.choice(full)]["beacon"] = words
                return TASKSERV, {"operation": "create", "taskserv": "beacon"}
            case _:
                return TASKSERV, {"operation": "delete", "taskserv": "beacon"}

    def carried_out(self, step: Step) -> None:
        if step[1].get("operation") == "delete":
            for services in self.servers.values():
                services.pop("beacon", None)

    def write(self, folder: Path) -> None:
        servers = "\n".join(
            f'provisioning.Server {{name = "{name}", provider = "local", plan = "1xCPU-1GB", zone = "local", '
            f"taskservs = [{', '.join(_service(*one) for one in services.items())}]}}"
            for name, services in self.servers.items()
        )
        text = f"import provisioning\n\ninfra = provisioning.Infra {{\nservers = [\n{servers}\n]\n}}\n"
        (folder / "config.k").write_text(text)


def _service(name: str, message: str | None) -> str:
    params = f', params = {{message = "{message}"}}' if message else ""
    return f'provisioning.Taskserv {{name = "{name}"{params}}}'


async def submitted(stack: Stack, step: Step, **more: Any) -> Any:
    """The ended task of a submission."""
    path, body = step
    body = {"infra": INFRA, "wait": True} | body | more
    accepted = await stack.http.post(path, json=body, timeout=120)
    assert accepted.status_code == 200, accepted.text
    task = await answer(stack, f"/tasks/{accepted.json()['data']}")
    assert task["status"] == "Completed", task
    return task


def planned(output: str) -> list[str]:
    """What a plan names, without details: `+ server shop/web`."""
    return sorted(" ".join(line.split()[:3]) for line in output.splitlines() if line[0] in "+~*-")


async def done(stack: Stack, **by: str) -> list[str]:
    """What was done, in the words of a plan."""
    effects = await answer(stack, "/inventory/effects", limit=1000, **by)
    return sorted(_words(one) for one in effects)


def _words(effect: dict[str, Any]) -> str:
    thing, _, name = effect["resource"].partition(":")
    return f"{SIGNS[effect['kind'].rpartition('_')[2]]} {thing} {name}"


async def test_random_changes_are_planned_done_and_planned_again(plotted: Stack) -> None:
    stack, seed = plotted, random.randrange(10**6)
    print(f"seed {seed}")
    infra, folder = Infra(random.Random(seed)), stack.settings.infra_dir / INFRA
    for number in range(CHANGES):
        step = infra.change()
        infra.write(folder)
        before = await World.observe(stack)
        plan = await submitted(stack, step, check_mode=True)
        assert (await World.observe(stack)).since(before) == [], (number, step)
        assert await done(stack, task_id=plan["id"]) == []
        assert plan["args"][-1] == "--check"

        task = await submitted(stack, step)
        assert planned(plan["output"]) == await done(stack, task_id=task["id"]), (number, step, plan)

        after = await World.observe(stack)
        again = await submitted(stack, step, check_mode=True)
        assert again["output"] == "no changes", (number, step)
        assert (await World.observe(stack)).since(after) == [], (number, step)
        infra.carried_out(step)


def a_batch(infra: str) -> list[dict[str, Any]]:
    """Each operation builds on the one before, none of which has been there."""
    return [
        operation("made", [], infra, server_configs=[server("web"), server("db")]),
        operation("served", ["made"], infra, taskservs=[taskserv("echo", message="first")]),
        operation("said", ["served"], infra, taskservs=[taskserv("echo", message="second")], servers=["web"]),
        operation(
            "set", ["said"], infra, operation="configure", taskservs=[taskserv("echo", message="third")]
        ),
        operation("again", ["set"], infra, operation="restart", taskservs=["echo"], servers=["web"]),
        operation("off", ["again"], infra, operation="delete", taskservs=["echo"], servers=["db"]),
        operation("away", ["off"], infra, operation="delete", server_configs=[{"name": "db"}]),
    ]


async def test_a_batch_is_planned_as_if_its_operations_were_carried_out(plotted: Stack) -> None:
    stack, infra = plotted, "foreseen"
    before = await World.observe(stack)
    body = {"name": "a batch", "operations": a_batch(infra)}
    accepted = await stack.http.post("/batch/execute?check_mode=true", json=body)
    assert accepted.status_code == 200, accepted.text
    batch = await ended(stack, accepted.json()["data"]["batch_id"])
    assert batch["status"] == "Completed", batch
    assert (await World.observe(stack)).since(before) == []
    plans = await tasks(stack, batch["batch_id"])
    real = await tasks(stack, (await completed(stack, a_batch(infra)))["batch_id"])
    for name, plan in plans.items():
        assert planned(plan["output"]) == await done(stack, task_id=real[name]["id"]), name
    assert "message: first -> second" in plans["said"]["output"]
    assert "message: second -> third" in plans["set"]["output"]
    assert plans["again"]["output"].endswith("1 to restart")
    assert plans["off"]["output"].splitlines()[-1] == "plan: 0 to create, 0 to change, 1 to delete"


async def test_a_plan_fails_where_the_operation_would(plotted: Stack) -> None:
    infra = "refusing"
    await completed(plotted, [operation("made", [], infra, server_configs=[server("web")])])
    larger = operation("larger", [], infra, server_configs=[server("web", "2xCPU-2GB")], check_mode=True)
    missing = operation(
        "missing", [], infra, operation="delete", server_configs=[{"name": "no"}], check_mode=True
    )
    batch = await ended(plotted, await submit(plotted, [larger, missing], rollback_enabled=False))
    assert batch["status"] == "Failed"
    found = await tasks(plotted, batch["batch_id"])
    assert "exists with plan 1xCPU-1GB" in found["larger"]["error"]
    assert "has no server no" in found["missing"]["error"]


async def test_what_is_needed_by_another_service_is_not_planned_to_go(plotted: Stack) -> None:
    infra = "needing"
    await completed(
        plotted,
        [
            operation("made", [], infra, server_configs=[server("web")]),
            operation("served", ["made"], infra, taskservs=[taskserv("echo")]),
        ],
    )
    off = operation("off", [], infra, operation="delete", taskservs=["beacon"], check_mode=True)
    batch = await ended(plotted, await submit(plotted, [off]))
    (task,) = (await tasks(plotted, batch["batch_id"])).values()
    assert "needed by: echo" in task["error"]


async def test_a_dead_service_and_a_server_that_is_gone_are_drift(plotted: Stack) -> None:
    stack, infra = plotted, "drifting"
    made = operation("made", [], infra, server_configs=[server("web")])
    served = operation("served", ["made"], infra, taskservs=[taskserv("beacon")])
    await completed(stack, [made, served])
    only_checked = [one | {"config": one["config"] | {"check_mode": True}} for one in (made, served)]
    for process in of_server(stack, f"{infra}/web", "server.py"):
        process.kill()

    async def is_seen() -> bool:
        plan = await ended(stack, await submit(stack, only_checked))
        outputs = {name: task["output"] for name, task in (await tasks(stack, plan["batch_id"])).items()}
        return outputs == {
            "made": "no changes",
            "served": f"! taskserv {infra}/web/beacon: does not answer\nno changes, 1 drifted",
        }

    await eventually(is_seen, within=120)


def of_server(stack: Stack, name: str, word: str) -> Iterator[psutil.Process]:
    """Processes of a local server whose command line has `word` in it."""
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
            here = f"/servers/{name}" in Path(f"/proc/{process.pid}/mountinfo").read_text() + line
        except (psutil.Error, OSError):
            continue
        if here and word in line:
            yield process


async def test_nothing_is_carried_out_behind_what_is_only_checked(plotted: Stack) -> None:
    operations = a_batch("half")
    operations[0]["config"]["check_mode"] = True
    refused = await plotted.http.post("/batch/execute", json={"name": "half", "operations": operations})
    assert refused.status_code == 422
    expected = "operations[1].dependencies: made is only checked, so served cannot be carried out behind it"
    assert refused.json()["error"] == expected


async def test_a_key_that_asked_for_a_plan_does_not_carry_it_out(plotted: Stack) -> None:
    body = {"name": "a batch", "operations": a_batch("keyed")}
    headers = {"Idempotency-Key": "a plan first"}
    path = "/batch/execute"
    first = await plotted.http.post(f"{path}?check_mode=true", json=body, headers=headers)
    assert first.status_code == 200
    other = await plotted.http.post(path, json=body, headers=headers)
    assert other.status_code == 409, other.text
    await ended(plotted, first.json()["data"]["batch_id"])
