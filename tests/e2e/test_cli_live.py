"""Work that is followed live: on a terminal, interrupted, and over connections that break off."""

import asyncio
import json
import re
import signal
from pathlib import Path
from typing import Any

from activities.mongo.stores import open_stores
from tests.support.command_line import CommandLine, log_in_at
from tests.support.cuttable_proxy import cuttable_proxy
from tests.support.stack import Stack, eventually
from tests.support.world import answer, delete_servers, ended, operation, server, submit, tasks, taskserv
from workflows.domain.events import Event, EventType


def two_steps(infra: str, seconds: float = 3, name: str = "box") -> list[dict[str, Any]]:
    slow = taskserv("flaky", seconds=seconds, fail="later")
    return [
        operation("box", [], infra, server_configs=[server(name)]),
        operation("slow", ["box"], infra, taskservs=[slow]),
    ]


def batch_file(folder: Path, name: str, operations: list[dict[str, Any]]) -> str:
    file = folder / "batch.json"
    file.write_text(json.dumps({"name": name, "operations": operations}))
    return str(file)


async def test_the_bars_move_and_the_log_is_beneath_also_over_a_lost_connection(
    logged_out: CommandLine, stack: Stack, tmp_path: Path
) -> None:
    file = batch_file(tmp_path, "bars", two_steps("cli-bars", seconds=6))
    async with cuttable_proxy(stack.base_url.removeprefix("http://")) as proxy:
        await log_in_at(logged_out, stack, f"http://{proxy.address}")
        terminal = await logged_out.on_terminal("batch", "submit", file, "--watch")
        await terminal.until("50%")
        async with proxy.away():
            await terminal.until("; trying again")
        assert await terminal.end() == 0, terminal.text
    wholes = [int(percent) for percent in re.findall(r"batch bars\s+\S+\s+(\d+)%", terminal.text)]
    assert wholes == sorted(wholes)
    assert {50, 100} <= set(wholes), wholes
    passed = set(re.findall(r"  slow\s+\S+\s+\d+%\s+(\d+:\d\d)", terminal.text))
    assert len(passed) > 2, "the time that it takes is counted on"
    last = terminal.text[terminal.text.rindex("batch bars") :]
    assert re.search(r"batch bars +━+ +100% +\d+:\d\d +Completed", last)
    assert re.search(r"  slow +━+ +100% +\d+:\d\d +Completed", last)
    assert last.index("log ──") < last.index("slow [cli-bars/box flaky] not now")
    # The cursor is there again.
    assert terminal.shown.rindex("\x1b[?25h") > terminal.shown.rindex("\x1b[?25l")
    await delete_servers(stack, "cli-bars")


async def test_whoever_goes_away_is_told_how_to_come_back(
    operator: CommandLine, stack: Stack, tmp_path: Path
) -> None:
    file = batch_file(tmp_path, "left", two_steps("shop", seconds=300, name="data"))
    terminal = await operator.on_terminal("batch", "submit", file, "--watch")
    await terminal.until("50%")
    await terminal.press("\x03")
    assert await terminal.end() == 130, terminal.text
    batch_id = terminal.text.split()[1]
    hints = terminal.text[terminal.text.index("goes on at the service") :]
    assert f"provisioning batch cancel {batch_id}" in hints
    (come_back,) = re.findall(r"come back with: provisioning (.+)\r", hints)
    assert (await answer(stack, f"/batch/operations/{batch_id}"))["status"] == "Running"

    # By a terminal that can only add lines; and then ended by whatever ends processes.
    plain = await operator.on_terminal(*come_back.split(), TERM="dumb")
    await plain.until("slow: Running")
    assert "\x1b[" not in plain.shown
    await plain.press("\x03")
    assert await plain.end() == 130
    process = await operator.start(*come_back.split())
    assert process.stdout is not None
    assert process.stderr is not None
    while b"slow: Running" not in await process.stdout.readline():
        assert not process.stdout.at_eof()
    process.send_signal(signal.SIGTERM)
    _, err = await process.communicate()
    assert (process.returncode, b"batch cancel" in err) == (143, True), err

    # What waits for the same server is cancelled by itself.
    submitted = await operator.inside("servers", "create", "--infra", "shop", "--json")
    waiting = submitted.json()["task_id"]
    of_batch = (await tasks(stack, batch_id))["slow"]["id"]
    refused = await operator.inside("tasks", "cancel", of_batch)
    assert (refused.code, f"an operation of batch {batch_id}" in refused.err) == (1, True), refused
    given_up = await operator.run("tasks", "cancel", waiting, "--wait", "--json")
    assert (given_up.code, json.loads(given_up.out)["status"]) == (0, "Cancelled"), given_up
    assert [one["name"] for one in await answer(stack, "/inventory/servers", infra="shop")] == ["data"]

    cancelled = await operator.run("batch", "cancel", batch_id, "--wait")
    assert cancelled.code == 0, cancelled
    assert await answer(stack, "/inventory/servers", infra="shop") == []


async def lines_of(stack: Stack, batch_id: str) -> list[str]:
    """Every line of the batch's log, as it is kept."""
    stores, position = open_stores(stack.settings), 0
    found: list[Event] = []
    try:
        while events := await stores.event_log.read(position, 500):
            position = events[-1][0]
            found += [event for _, event in events if event.metadata.get("batch_id") == batch_id]
    finally:
        await stores.close()
    return [str(event.data["line"]) for event in found if event.event_type is EventType.LOG_ENTRY]


async def test_nothing_is_missed_over_connections_that_break_off(
    logged_out: CommandLine, stack: Stack, tmp_path: Path
) -> None:
    infra = "cli-cut"
    # Each outlasts a cut by far, so that the batch has not ended before the last one.
    again = taskserv("flaky", seconds=4, fail="later")
    chain = [operation("box", [], infra, server_configs=[server("box")])]
    for number in range(3):
        chain.append(operation(f"on-{number}", [chain[-1]["id"]], infra, taskservs=[again]))
        gone = operation(f"off-{number}", [chain[-1]["id"]], infra, taskservs=["flaky"], operation="delete")
        chain.append(gone)
    async with cuttable_proxy(stack.base_url.removeprefix("http://")) as proxy:
        await log_in_at(logged_out, stack, f"http://{proxy.address}")
        file = batch_file(tmp_path, "cut", chain)
        process = await logged_out.start("batch", "submit", file, "--watch")
        assert process.stdout is not None
        assert process.stderr is not None
        batch_id = (await process.stderr.readline()).decode().split()[1]
        told: list[str] = []
        begun: set[str] = set()
        cuts, is_connected = 0, True
        while line := (await process.stdout.readline()).decode():
            told.append(line[10:].rstrip("\n"))
            # Of what begins and ends while there is no connection, only the end is told.
            begun |= {one for one in ("on-0", "on-1", "on-2") if told[-1].startswith(f"{one}: ")}
            is_connected |= told[-1] == "connected again"
            if is_connected and cuts < len(begun):
                cuts, is_connected = cuts + 1, False
                async with proxy.away():
                    # As long as something happens meanwhile.
                    await asyncio.sleep(2)
        assert await process.wait() == 0, (told, await process.stderr.read())
    assert cuts == 3, told
    assert sum(line.endswith("; trying again") for line in told) >= 3
    heard = [line.partition("] ")[2] for line in told if " | [" in line]
    assert heard == await lines_of(stack, batch_id)
    assert [line for line in told if line.endswith(": Completed")] == [
        f"{one['id']}: Completed" for one in chain
    ]
    await delete_servers(stack, infra)


async def listening(stack: Stack) -> int:
    """How many WebSockets are open."""
    (found,) = re.findall(
        r"^provisioning_websocket_connections (\d+)", (await stack.http.get("/metrics")).text, re.MULTILINE
    )
    return int(found)


async def test_a_log_is_followed_to_its_end(operator: CommandLine, stack: Stack) -> None:
    infra = "cli-logs"
    # What works on the same server keeps it from beginning before somebody follows it.
    holder = await submit(stack, two_steps(infra, seconds=300))

    async def holds() -> bool:
        return bool((await tasks(stack, holder))["box"]["status"] == "Completed")

    await eventually(holds)
    batch_id = await submit(stack, two_steps(infra, seconds=1))
    task_id = (await answer(stack, f"/batch/operations/{batch_id}"))["operations"][1]["task_id"]
    others = await listening(stack)
    process = await operator.start("tasks", "logs", "-f", task_id)

    async def follows() -> bool:
        return await listening(stack) > others

    await eventually(follows)
    cancelled = await stack.http.post(f"/batch/operations/{holder}/cancel")
    assert cancelled.status_code == 200, cancelled.text
    out, err = await process.communicate()
    assert process.returncode == 0, err
    assert out.decode().splitlines() == [
        f"[{infra}/box flaky] {line}" for line in await lines_of(stack, batch_id)
    ]
    assert (await ended(stack, batch_id))["status"] == "Completed"
