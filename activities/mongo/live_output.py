"""The end of a running task's log, as its output until it has a final one.

Every process that follows jobs keeps its own part, since jobs of one task may run under several workers.
Reading puts the parts together, and knows a line that two workers have read by its job and number.
"""

from collections import OrderedDict
from collections.abc import Sequence
from uuid import uuid4

from pydantic import TypeAdapter
from pymongo import UpdateOne

from activities.mongo.connection import Connection, Document
from activities.ports import LogLine
from workflows.domain.task_updates import TERMINAL_VERSION

LIVE_OUTPUT = "live_output"
"""The field of a task's row: text by the process that keeps it."""

TAIL = 4096
"""Characters of log that are kept for each task."""

_MAX_TASKS = 1000
_lines = TypeAdapter(tuple[LogLine, ...])


class LiveOutput:
    """Keeps the tails of the tasks whose jobs this process follows."""

    def __init__(self, connection: Connection) -> None:
        self._tasks = connection.collection("tasks")
        self._part = f"{LIVE_OUTPUT}.{uuid4().hex}"
        self._tails: OrderedDict[str, list[LogLine]] = OrderedDict()

    async def add(self, lines: Sequence[LogLine]) -> None:
        """Writes the tails of these lines' tasks; the same lines again change nothing.

        A task that has ended keeps its final output.
        """
        touched = {line.task_id: self._extend(line) for line in lines}
        writes = [
            UpdateOne(
                {"_id": task_id, "version": {"$lt": TERMINAL_VERSION}},
                {"$set": {self._part: _lines.dump_json(tuple(tail)).decode()}},
            )
            for task_id, tail in touched.items()
        ]
        if writes:
            async with self._tasks.opened() as collection:
                await collection.bulk_write(writes, ordered=False)

    def _extend(self, line: LogLine) -> list[LogLine]:
        tail = self._tails.setdefault(line.task_id, [])
        self._tails.move_to_end(line.task_id)
        if len(self._tails) > _MAX_TASKS:
            self._tails.popitem(last=False)
        if all((line.job, line.number) != (known.job, known.number) for known in tail):
            tail.append(line)
            tail[:] = _last_lines(tail)
        return tail


def live_output(document: Document) -> str | None:
    """What the log of a task's row ends with; None where it has none."""
    parts = document.get(LIVE_OUTPUT)
    if not parts:
        return None
    lines = {(line.job, line.number): line for part in parts.values() for line in _lines.validate_json(part)}
    ordered = sorted(lines.values(), key=lambda line: (line.at, line.job, line.number))
    return "\n".join(_shown(line) for line in _last_lines(ordered))


def _last_lines(lines: Sequence[LogLine]) -> list[LogLine]:
    """As many lines from the end as fit, and at least one."""
    room = TAIL
    kept: list[LogLine] = []
    for line in reversed(lines):
        room -= len(_shown(line)) + 1
        if kept and room < 0:
            break
        kept.append(line)
    return kept[::-1]


def _shown(line: LogLine) -> str:
    where = line.server if line.taskserv is None else f"{line.server} {line.taskserv}"
    return f"[{where}] {line.text[-TAIL:]}"
