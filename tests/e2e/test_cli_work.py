"""Single pieces of work from the command line, and going back: in a pipe, against a whole stack."""

import json
from collections.abc import Mapping
from typing import Any

from tests.support.command_line import CommandLine, log_in_at
from tests.support.cuttable_proxy import cuttable_proxy
from tests.support.stack import Stack
from tests.support.world import answer, completed, delete_servers, operation, server, submit, tasks, taskserv

INFRA = "cli-same"

WEB = [{**server("web"), "count": 2, "labels": {"role": "web"}}]
MIXED = [server("db"), {**server("old", plan="2xCPU-4GB"), "labels": {"role": "data", "note": "a=b, c"}}]
MESSAGE = {"message": 'it\'s $HOME, "quoted" and 100%', "port": 7099}


def a_batch() -> list[dict[str, Any]]:
    """Something of everything that a command line can say."""
    beacon = {
        "taskservs": [taskserv("beacon", **MESSAGE), "echo"],
        "server_params": {"web-2": {"beacon": {"message": "another"}}},
    }
    return [
        operation("web", [], INFRA, server_configs=WEB),
        operation("mixed", [], INFRA, server_configs=MIXED, timeout=900, on_failure="fail"),
        operation("on-web", ["web"], INFRA, **beacon),
        operation("too", ["on-web"], INFRA, taskservs=["flaky"], timeout=600),
        operation("named", ["mixed", "on-web"], INFRA, taskservs=["beacon"], servers=["db"]),
        operation("no-echo", ["too"], INFRA, taskservs=["echo"], servers=["web-1"], operation="delete"),
        operation("no-old", ["mixed"], INFRA, server_configs=[{"name": "old"}], operation="delete"),
    ]


def as_meant(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config without the ways in which the same can be said."""
    meant: dict[str, Any] = {"operation": "create", "timeout": 3600, "on_failure": "continue", **config}
    if "taskservs" in meant:
        meant.setdefault("server_params", {})
        plain = [{"name": one, "params": {}} if isinstance(one, str) else one for one in meant["taskservs"]]
        meant["taskservs"] = plain
    return meant


async def test_the_command_lines_of_tasks_do_the_same_again(operator: CommandLine, stack: Stack) -> None:
    wanted = a_batch()
    batch = await completed(stack, wanted, rollback_enabled=False)
    found = await tasks(stack, batch["batch_id"])
    assert {task["command"] for task in found.values()} == {"provisioning"}
    shown = [await operator.inside(*found[one["id"]]["args"], "--show-batch") for one in wanted]
    goes_to = {"on-web": ["web-1", "web-2"], "too": ["web-1", "web-2"]}
    for one, ended in zip(wanted, shown, strict=True):
        (sent,) = ended.json()["operations"]
        placed = {"servers": goes_to[one["id"]]} if one["id"] in goes_to else {}
        assert (sent["type"], sent["provider"], sent["dependencies"]) == (one["type"], "local", [])
        assert as_meant(sent["config"]) == as_meant(one["config"] | placed), one["id"]

    # What stands already is left as it is, so that alone is done which the batch itself took back.
    again = await operator.run(*found["on-web"]["args"], "--wait", "--json")
    assert again.code == 0, again
    (repeated,) = (await tasks(stack, json.loads(again.out)["batch_id"])).values()
    expected = [word.replace("web-{1..2}", "web-1,web-2") for word in found["on-web"]["args"]]
    assert repeated["args"] == expected
    (effect,) = await answer(stack, "/inventory/effects", task_id=repeated["id"])
    assert (effect["kind"], effect["resource"]) == ("taskserv_installed", f"taskserv:{INFRA}/web-1/echo")
    await delete_servers(stack, INFRA)


async def test_servers_and_services_are_made_and_unmade_by_name(operator: CommandLine, stack: Stack) -> None:
    infra = ("--infra", "cli-named", "--provider", "local", "--wait")
    made = await operator.run(
        *("servers", "create", "box-{1..2}", *infra, "--plan", "1xCPU-1GB", "--zone", "local")
    )
    assert made.code == 0, made
    installed = await operator.run(
        "taskserv", "create", "beacon", *infra, "--servers", "box-1", "--param", "message=hello"
    )
    assert installed.code == 0, installed
    (one, other) = (await operator.inside("inventory", "servers", "--infra", "cli-named", "--json")).json()
    assert (one["name"], other["name"], other["task_services"]) == ("box-1", "box-2", [])
    assert one["task_services"][0]["params"]["message"] == "hello"
    removed = await operator.run("taskserv", "delete", "beacon", *infra, "--servers", "box-1", "--json")
    assert (removed.code, json.loads(removed.out)["status"]) == (0, "Completed"), removed
    deleted = await operator.run("servers", "delete", "box-{1..2}", *infra)
    assert deleted.code == 0, deleted
    assert await answer(stack, "/inventory/servers", infra="cli-named") == []


async def test_what_contradicts_itself_is_wrong_usage(operator: CommandLine) -> None:
    create, infra, redis = ("servers", "create"), ("--infra", "x"), ("taskserv", "create", "redis")
    local = (*infra, "--provider", "local")
    cases = {
        (*create, "web", *infra): "NAME: only with --provider",
        (*create, *local): "no server is named",
        (*create, "web", *local): "--plan and --zone are needed",
        (*create, *local, "--server", "{"): "is no JSON object",
        (*create, *local, "--server", "{}"): "server_configs[0].name: is missing",
        (*create, *local, "--settings", "x.k"): "no server is named",
        (*redis, "nginx", *infra): "only with --provider",
        (*redis, *infra, "--param", "port=1"): "--param: only with --provider",
        (*redis, *local, "--param", "nginx.port=1"): "write it like redis.NAME=VALUE",
        (*redis, *local, "--param", "port"): "as NAME=VALUE",
        (*redis, *local, "--settings", "x.k"): "by no file",
        ("rollback",): "either --checkpoint or --operation",
    }
    for words, told in cases.items():
        ended = await operator.inside(*words)
        assert (ended.code, told in ended.err, ended.out) == (2, True, ""), (words, ended)


async def test_work_of_an_infra_is_asked_for_as_the_contract_says(
    stack: Stack, logged_out: CommandLine
) -> None:
    """The service knows no infra of that name, and that comes through; what it was asked for is right."""
    bodies: list[tuple[tuple[str, ...], str, dict[str, Any]]] = [(("servers", "create"), "servers", {})]
    for name in ("create", "delete", "restart", "configure"):
        fields = {"operation": name, "taskserv": "redis"}
        bodies.append((("taskserv", name, "redis"), "taskserv", fields))
    for name in ("create", "delete", "scale", "upgrade"):
        fields = {"operation": name, "cluster_type": "etcd"}
        bodies.append((("cluster", name, "etcd"), "cluster", fields))
    infra = {"infra": "nowhere", "settings": "other.k"}
    options = ("--infra", "nowhere", "--settings", "other.k")
    async with cuttable_proxy(stack.base_url.removeprefix("http://")) as proxy:
        await log_in_at(logged_out, stack, f"http://{proxy.address}")
        for words, path, fields in bodies:
            proxy.said.clear()
            refused = await logged_out.inside(*words, *options)
            assert (refused.code, refused.out) == (1, "")
            assert refused.err.startswith("error: infra: there is no infra 'nowhere'")
            assert proxy.said.startswith(f"POST /workflows/{path}/create ".encode())
            sent = json.loads(proxy.said.rpartition(b"\r\n")[2])
            assert sent == fields | infra | {"check_mode": False, "wait": False}
        checked = await logged_out.run("cluster", "scale", "etcd", *options, "--check", "--wait")
    assert (checked.code, b'"check_mode":true' in proxy.said) == (1, True)


async def test_one_goes_back_to_a_checkpoint_and_back_again(operator: CommandLine, stack: Stack) -> None:
    infra = "cli-back"
    made = await operator.inside("checkpoint", "create", "before", "--description", "x", "--json")
    checkpoint = made.json()["id"]
    assert checkpoint in (await operator.inside("checkpoint", "list")).out
    batch_id = await submit(stack, [operation("box", [], infra, server_configs=[server("box")])])
    assert (await operator.run("batch", "watch", batch_id)).code == 0

    preview = await operator.inside("rollback", "--operation", f"{batch_id}/box", "--dry-run")
    assert preview.out == (
        f"- server {infra}/box  created by box\nPlan: 0 to create, 0 to change, 1 to delete.\n"
    )
    back = await operator.run("rollback", "--checkpoint", checkpoint)
    assert back.code == 0, back
    assert "operations_executed\t1" in back.out.splitlines()
    assert await answer(stack, "/inventory/servers", infra=infra) == []

    rollback_id = back.out.split()[back.out.split().index("rollback_id") + 1]
    task = await answer(stack, f"/tasks/{rollback_id}")
    assert task["args"] == ["rollback", "--checkpoint", checkpoint]
    again = await operator.inside(*task["args"], "--dry-run", "--json")
    assert again.json()["would_undo"] == [], "what is undone already needs no undoing"
    whole = await operator.inside("rollback", "--operation", f"{batch_id}/box", "--dry-run")
    assert whole.out.splitlines() == ["No changes."]
    unknown = await operator.run("rollback", "--operation", "nothing-of-that-name")
    assert (unknown.code, "there is no operation nothing-of-that-name" in unknown.err) == (1, True)
