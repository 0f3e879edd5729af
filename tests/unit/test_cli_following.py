"""What the command line makes of the events that it hears, and how it shows that."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from api.cli import colours
from api.cli.following.bars import BarDisplay
from api.cli.following.events import Event, event
from api.cli.following.logs import Seam
from api.cli.following.show import ServiceClock
from api.cli.following.work import Line, Operation, Work
from api.cli.plan import Action, Change, Plan, plan_text
from api.cli.terminal_text import cleaned, in_one_line
from api.cli.times import age, duration
from tests.support.samples import NOON

BATCH = "0c4f7d0a-52f5-4b0e-9c55-3c1a5a1c2b11"


def heard(kind: str, seconds: float = 0, **data: Any) -> Event:
    told = {
        "event_type": kind,
        "timestamp": (NOON + timedelta(seconds=seconds)).isoformat(),
        "data": data,
        "metadata": {"sequence": "7", "batch_id": BATCH, "workflow_type": "taskserv_creation"},
    }
    return known(told)


def known(told: dict[str, Any]) -> Event:
    found = event(json.dumps(told))
    assert found is not None
    return found


def changed(task: str, status: str, before: str, seconds: float = 0, **more: Any) -> Event:
    data = {"task_id": task, "name": task, "status": status, "previous_status": before} | more
    return heard("TaskStatusChanged", seconds, **data)


def two_operations() -> Work:
    work = Work(BATCH, "batch shop", started_at=NOON, total=2)
    assert len(list(work.found([Operation("a", "a", "Pending"), Operation("b", "b", "Pending")]))) == 2
    return work


def test_work_goes_forward_and_never_back() -> None:
    work = two_operations()
    work.apply(changed("a", "Running", "Pending", 1))
    work.apply(changed("a", "Running", "Running", 3, progress=50, step="half"))
    work.apply(changed("a", "Completed", "Running", 5, progress=100))
    for late in (
        changed("a", "Running", "Running", 3, progress=50, step="half"),
        changed("a", "Running", "Pending", 1),
    ):
        work.apply(late)
    operation = work.operations["a"]
    assert (operation.status, operation.percent, operation.seconds(NOON)) == ("Completed", 100, 4)
    work.apply(changed("a", "Completed", "Completed", 9, step="rolled back: 2 changes undone"))
    assert operation.outcome == "Completed; rolled back: 2 changes undone"
    assert list(work.found([Operation("a", "a", "Running"), Operation("b", "b", "Running")])) == [
        work.operations["b"]
    ]


def test_the_time_left_is_counted_down_from_what_is_known() -> None:
    work = two_operations()
    a, b = work.operations["a"], work.operations["b"]
    work.apply(changed("a", "Running", "Pending", 0))
    assert work.left_for(a, NOON) is None
    work.apply(changed("a", "Running", "Running", 10, progress=25))
    assert work.left_for(a, NOON + timedelta(seconds=12)) == 28
    work.apply(changed("a", "Completed", "Running", 30))
    work.apply(changed("b", "Running", "Pending", 30))
    assert work.left_for(b, NOON + timedelta(seconds=40)) == 20, "as long as the other of its kind"


def test_the_whole_is_as_the_service_says() -> None:
    work = two_operations()
    progress = {"workflow_id": BATCH, "progress": 50.0, "total_steps": 2, "completed_steps": 1}
    work.apply(heard("WorkflowProgressUpdate", 5, **progress, estimated_time_remaining=12))
    assert (work.percent, work.done, work.seconds_left(NOON + timedelta(seconds=8))) == (50, 1, 9)
    work.apply(heard("BatchOperationUpdate", 6, batch_id=BATCH, status="Running", phase="rolling back"))
    assert not work.is_straight
    ended = {"batch_id": BATCH, "status": "Failed", "phase": "Failed", "error": "no"}
    work.apply(heard("BatchOperationUpdate", 9, **ended))
    assert (work.has_ended, work.error, work.seconds(NOON + timedelta(hours=1))) == (True, "no", 9)
    line = work.apply(heard("LogEntry", task_id="a", server="web", taskserv="redis", line="answers"))
    assert line == Line(NOON, "a", "web redis", "answers")


def test_what_waits_says_for_whom_and_then_how_far_it_is() -> None:
    work = two_operations()
    assert work.note == "0 of 2"
    progress = {"workflow_id": BATCH, "progress": 0.0, "total_steps": 2, "completed_steps": 0}
    work.apply(heard("WorkflowProgressUpdate", 1, **progress, current_step="waiting for servers"))
    assert work.note == "waiting for servers"
    work.apply(changed("a", "Running", "Pending", 2))
    assert work.note == "0 of 2"


def test_events_of_a_newer_service_are_no_trouble() -> None:
    assert event('{"event_type": "Sung", "timestamp": "2026-01-02T12:00:00Z", "data": {}}') is None
    assert event("nonsense") is None


lines = st.lists(st.sampled_from(["waiting", "installing", "done"]), max_size=8)


@given(before=lines, both=lines, after=lines)
def test_a_log_is_joined_without_loss(before: list[str], both: list[str], after: list[str]) -> None:
    """What was read is `before` and `both`, what is heard is `both` and `after`."""
    seam = Seam([*before, *both])
    fresh = [line for line in [*both, *after] if not seam.has(line)]
    if before == [] or not set(before) & set([*both, *after]):
        # Nothing that is heard can be taken for something older.
        assert fresh == after or not both
    # Nothing of it is printed twice, and what is left out stands in what was read.
    assert len(fresh) <= len(after) or not both
    assert all(line in [*before, *both] for line in [*both, *after] if line not in fresh)


def test_a_line_that_comes_again_is_no_double() -> None:
    seam = Seam(["one", "two", "three"])
    assert [seam.has(line) for line in ("two", "three", "three", "two")] == [True, True, False, False]


def drawn(work: Work, width: int, height: int, *heard_lines: Line) -> str:
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    clock = ServiceClock()
    display = BarDisplay(console, clock)
    for line in heard_lines:
        display.line(line)
    display.show(work)
    with console.capture() as captured:
        console.print(display)
    return captured.get()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (40, 10), (20, 6)])
def test_the_picture_fits_into_its_terminal(width: int, height: int) -> None:
    work = Work(BATCH, "batch of many", started_at=datetime.now(UTC), total=500)
    list(work.found([Operation(f"operation-{n:03}", f"{n}", "Pending") for n in range(500)]))
    for number in range(40, 60):
        work.apply(changed(f"{number}", "Running", "Pending", step="installing " + "x" * 200))
    work.apply(changed("7", "Failed", "Running", error="one line\nand another"))
    told = [Line(NOON, "operation-041", "web redis", f"\x1b[31mline {n} " + "y" * 300) for n in range(50)]
    picture = drawn(work, width, height, *told).splitlines()
    assert len(picture) < height
    assert max(map(len, picture)) <= width
    if height > 20:
        assert any("operation-041" in line for line in picture), "what runs is shown"
        assert picture[-1].startswith("operation-041 [web redis] line 49 ")
        hidden = "and 1 failed, 479 pending, 6 running" if height == 24 else "and 476 pending"
        assert f"  {hidden}" in picture


def luminance(colour: str) -> float:
    """By WCAG 2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colour", colours.ALL)
def test_colours_are_told_from_black_and_from_white(colour: str) -> None:
    assert 1.05 / (luminance(colour) + 0.05) >= 3.8
    assert (luminance(colour) + 0.05) / 0.05 >= 3.8


def test_a_plan_is_shown_with_signs_and_counts() -> None:
    plan = Plan(
        changes=(
            Change(action=Action.CREATE, resource="server shop/web"),
            Change(action=Action.CHANGE, resource="taskserv shop/web/redis", note="by cache"),
            Change(action=Action.DELETE, resource="server shop/old"),
            Change(action=Action.DRIFT, resource="server shop/db"),
        )
    )
    assert plan_text(plan) == [
        "+ server shop/web",
        "~ taskserv shop/web/redis  by cache",
        "- server shop/old",
        "! server shop/db",
        "Plan: 1 to create, 1 to change, 1 to delete, 1 drifted.",
    ]
    assert plan_text(Plan()) == ["No changes."]


def test_what_others_wrote_does_not_steer_the_terminal() -> None:
    assert cleaned("\x1b[1;31mred\x1b[0m \x1b]0;title\x07and\tmore\n") == "red and more"
    assert cleaned("10%\r50%\r100%") == "100%"
    assert cleaned("a\x07b") == "a\N{REPLACEMENT CHARACTER}b"
    assert in_one_line("could not install:\nno room\n\nend") == "could not install: no room; end"


def test_why_there_is_no_connection_does_not_steer_the_terminal() -> None:
    """It is the service's word, or that of whatever stands in between."""
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24, color_system=None)
    with BarDisplay(console, ServiceClock()) as display:
        display.trouble("gone\x1b]0;title\x07\x1b[2J")
        display.show(two_operations())
        console.print(display)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "gone" in shown and "\x1b]0;" not in shown and "\x1b[2J" not in shown


def test_times_are_for_people() -> None:
    assert [duration(seconds) for seconds in (-1, 7.9, 754, 3723)] == ["0:00", "0:07", "12:34", "1:02:03"]
    ages = [age(NOON - timedelta(seconds=seconds), NOON) for seconds in (0, 59, 3600, -3500, 200_000)]
    assert ages == ["0 s ago", "59 s ago", "1 h ago", "in 58 min", "2 d ago"]


def test_a_clock_that_is_off_by_much_is_followed() -> None:
    clock = ServiceClock()
    clock.heard(datetime.now(UTC) - timedelta(seconds=3))
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=1)
    clock = ServiceClock()
    clock.heard(datetime.now(UTC) + timedelta(hours=1))
    assert timedelta(minutes=59) < clock.now() - datetime.now(UTC) < timedelta(minutes=61)
