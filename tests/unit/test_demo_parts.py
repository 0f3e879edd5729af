"""What the demo works out by itself."""

import asyncio
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from activities.settings import Settings
from deploy.local.demo.answers import Batch, Operation, Progress, Server, Ssh, TaskService
from deploy.local.demo.batch import DEMO, SECOND
from deploy.local.demo.display import display_on
from deploy.local.demo.following import LogLine, Moment, new_lines
from deploy.local.demo.reach import Command, commands_for, prove
from deploy.local.stack import LocalStack


@given(
    st.lists(st.integers().map(str), unique=True), st.integers(0, 60), st.integers(0, 60), st.integers(1, 30)
)
def test_each_line_of_a_growing_log_is_shown_once(
    log: list[str], first: int, second: int, window: int
) -> None:
    early, late = sorted((min(first, len(log)), min(second, len(log))))
    before, now = log[:early][-window:], log[:late][-window:]
    assert list(new_lines(before, now)) == log[early:late][-window:]


def server_with(name: str, address: str) -> Server:
    return Server(
        name="web-1",
        infra="demo",
        provider="local",
        plan="p",
        zone="z",
        ssh=Ssh(host="127.0.0.1", port=1, user="root"),
        task_services=[TaskService(name=name, address=address)],
    )


async def test_a_service_that_answers_is_told_from_one_that_does_not() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readline()
        writer.write(b"+PONG\r\n" if asked == b"PING\r\n" else b"what?\r\n")
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    asked = commands_for(server_with("redis", address), Path("key"))[1]
    [proof] = await prove([asked])
    assert (proof.answered, proof.output) == (True, "+PONG")
    listener.close()
    await listener.wait_closed()
    [proof] = await prove([asked])
    assert not proof.answered
    assert "refused" in proof.output


async def test_another_answer_than_the_expected_one_is_none() -> None:
    proofs = await prove([Command("x", "echo something else", "^it listens")])
    assert [(proof.answered, proof.output) for proof in proofs] == [(False, "something else")]


def shown_on(console: Console) -> None:
    batch = Batch(
        batch_id="b",
        name="a [name]",
        status="Running",
        operations=[
            Operation(id="[one]", status="Running", progress=40.0, task_id="t"),
            Operation(id="two", status="Pending", task_id="u"),
        ],
    )
    moment = Moment(batch, Progress(progress=20.0, estimated_time_remaining=7))
    moment.steps["[one]"] = "install [nginx]"
    moment.lines.append(LogLine("[one]", "unpacking [/x]"))
    with display_on(console) as display:
        display.show(moment)
        display.show(moment)


def test_plain_output_has_a_line_for_each_change() -> None:
    output = io.StringIO()
    shown_on(Console(file=output, width=120, highlight=False))
    lines = [line.split("s  ", 1)[1] for line in output.getvalue().splitlines()]
    assert lines == [
        "[one] | unpacking [/x]",
        "[one]: Running 40% install [nginx]",
        "batch a [name]: Running 20%",
        "[one] | unpacking [/x]",
    ]


def test_a_terminal_shows_bars_and_takes_names_literally() -> None:
    output = io.StringIO()
    shown_on(Console(file=output, width=120, force_terminal=True, legacy_windows=False))
    text = output.getvalue()
    for part in ("a [name]", "[one]", "install [nginx]", "unpacking [/x]", "about 7 s left", "40%"):
        assert part in text


def test_the_example_is_a_real_batch() -> None:
    batch = json.loads(DEMO.read_text())
    operations = {operation["id"]: operation for operation in batch["operations"]}
    services = {name for o in operations.values() for name in o["config"].get("taskservs", ())}
    assert len(operations) >= 3
    assert any(operation["dependencies"] for operation in operations.values())
    assert len(services) >= 2
    assert json.loads(SECOND.read_text())["operations"]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),  # noqa: S104 - nothing listens there
        ("::1", "http://[::1]:8080"),
        ("::", "http://[::1]:8080"),
    ],
)
def test_where_the_stack_is_reached(host: str, url: str) -> None:
    assert LocalStack(Settings(host=host), print).url == url
