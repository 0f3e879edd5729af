"""Work whose end is read before it is heard: what was told of it until then is shown all the same."""

import io
from collections.abc import Iterable
from typing import Any, cast

import pytest

from api.cli.following.events import Event
from api.cli.following.follow import Follower
from api.cli.following.lines import LineDisplay
from api.cli.following.show import ServiceClock
from api.cli.following.stream import EventStream
from api.cli.session import Session
from tests.support.samples import NOON
from tests.unit.test_cli_following import BATCH, heard


class Told:
    """A stream as the command line sees it: events, moments without any, and times when it is cut off."""

    def __init__(self, told: Iterable[Event | str | None]) -> None:
        self._told = iter(told)
        self.connected = 1
        self.trouble = ""

    def next(self, _seconds: float) -> Event | None:
        found = next(self._told)
        if isinstance(found, str):
            self.trouble = found
            return None
        if self.trouble:
            self.connected, self.trouble = self.connected + 1, ""
        return found


class Read:
    """The service's answers: the batch runs while it is looked at so many times, and has ended then."""

    def __init__(self, running: int) -> None:
        self._running = running

    def call(self, _method: str, path: str) -> Any:
        if path.endswith("/progress"):
            return {"progress": 0.0}
        if path.startswith("/tasks/"):
            return {"id": "a", "name": "a", "status": "Running", "started_at": NOON}
        self._running -= 1
        status = "Completed" if self._running < 0 else "Running"
        operation = {"id": "a", "task_id": "a", "status": status, "progress": 0.0}
        times = {"created_at": NOON, "completed_at": None if status == "Running" else NOON}
        return {"batch_id": BATCH, "name": "shop", "status": status, "operations": [operation], **times}


def line(text: str) -> Event:
    return heard("LogEntry", task_id="a", server="web", taskserv="redis", line=text)


def shown(running: int, *told: Event | str | None, is_new: bool = False) -> list[str]:
    """The lines of the log that a follower shows."""
    output = io.StringIO()
    clock = ServiceClock()
    stream, session = cast(EventStream, Told(told)), cast(Session, Read(running))
    work = Follower(session, stream, LineDisplay(output, clock), clock, is_new=is_new).batch(BATCH)
    assert work.status == "Completed"
    return [text.partition("] ")[2] for text in output.getvalue().splitlines() if " | [" in text]


END = heard("BatchOperationUpdate", batch_id=BATCH, status="Completed", phase="Completed")


@pytest.mark.parametrize(
    "told",
    [
        # It was away for so long that it read once more how things stand.
        ("lost", line("one"), None, None, line("two"), END),
        ("lost", "lost", None, line("one"), None, line("two"), None, END),
        (line("one"), "lost", line("two"), None, "lost", "lost", END),
    ],
)
def test_all_lines_come_however_slowly(told: tuple[Event | str | None, ...]) -> None:
    assert shown(1, *told) == ["one", "two"]


def test_what_ended_long_ago_is_not_waited_for() -> None:
    assert shown(0, None) == []


def test_what_ended_just_now_is_heard_to_its_end() -> None:
    assert shown(0, line("one"), line("two"), END) == ["one", "two"]
    assert shown(0, line("one"), None, line("two"), END, is_new=True) == ["one", "two"]
