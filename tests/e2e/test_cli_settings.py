"""Work that an infra's settings describe (tests/infra/shop), from the command line, against a whole stack."""

import json
import re

from tests.support.command_line import CommandLine
from tests.support.stack import Stack
from tests.support.world import answer, delete_servers

SHOP = ("--infra", "shop")


async def test_servers_and_task_services_of_an_infra_come_and_go(operator: CommandLine, stack: Stack) -> None:
    terminal = await operator.on_terminal("servers", "create", *SHOP, "--wait")
    assert await terminal.end() == 0, terminal.text
    last = terminal.text[terminal.text.rindex("create_servers") :]
    assert re.search(r"create_servers +━+ +100% +\d+:\d\d +Completed", last), terminal.text

    planned = await operator.on_terminal("taskserv", "create", "beacon", *SHOP, "--check")
    assert await planned.end() == 0, planned.text
    assert planned.text.count("+ taskserv shop/") == 3
    assert "plan: 3 to create, 0 to change, 0 to delete" in planned.text
    installed = await operator.run("taskserv", "create", "beacon", *SHOP, "--wait", "--json")
    assert installed.code == 0, installed
    task = json.loads(installed.out)
    assert (task["status"], task["command"]) == ("Completed", "provisioning")
    assert task["args"] == ["taskserv", "create", "beacon", *SHOP, "--settings", "config.k"]
    assert len(await answer(stack, "/inventory/effects", task_id=task["id"])) == 3

    # Its own command line does the same, and so nothing: it is there.
    again = await operator.run(*task["args"], "--wait", "--json")
    assert again.code == 0, again
    repeated = json.loads(again.out)
    assert (repeated["args"], repeated["name"]) == (task["args"], task["name"])
    assert await answer(stack, "/inventory/effects", task_id=repeated["id"]) == []

    started = await operator.inside("taskserv", "delete", "beacon", *SHOP)
    assert started.code == 0, started
    name, task_id = started.out.strip().split("\t")
    assert name == "task_id"
    followed = await operator.run("tasks", "logs", "-f", task_id)
    assert followed.code == 0, followed
    removed = (await operator.inside("tasks", "show", task_id, "--json")).json()
    assert removed["output"].count("removed beacon") == 3
    await delete_servers(stack, "shop")


async def test_what_the_settings_lack_is_told_with_its_place(operator: CommandLine, stack: Stack) -> None:
    cases = {
        ("servers", "create", *SHOP, "--settings", "huge.k"): "settings: servers[1]: server shop/data: ",
        ("servers", "create", *SHOP, "--settings", "none.k"): "none.k",
        ("taskserv", "create", "echo", *SHOP): "taskserv: no server of infra shop has echo",
        ("taskserv", "create", "nothing-such", *SHOP): "taskserv: ",
    }
    before = await answer(stack, "/tasks", limit=1)
    for words, told in cases.items():
        refused = await operator.inside(*words)
        assert (refused.code, refused.out) == (1, ""), refused
        assert (refused.err.startswith("error: "), told in refused.err) == (True, True), refused
    assert await answer(stack, "/tasks", limit=1) == before
