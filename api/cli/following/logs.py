"""The log of a task alone, as it is printed."""

import json
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from api.cli.following.work import Line, Operation, Work
from api.cli.output import print_line, tell
from api.cli.terminal_text import cleaned


class LogDisplay:
    """Implements `Display`, for the lines alone.

    Args:
        before: the end of the log as it was read, in the form `[server taskserv] text`. Lines that were
            heard before that was read are in it already.
    """

    def __init__(self, before: Sequence[str], *, as_json: bool) -> None:
        self._seam = Seam(before)
        self._as_json = as_json
        self._before = before
        self._trouble = ""

    def __enter__(self) -> Self:
        for line in self._before:
            self._print({"line": line}, line)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def show(self, work: Work) -> None:
        """Only lines are shown."""

    def operation(self, operation: Operation) -> None:
        """Only lines are shown."""

    def line(self, line: Line) -> None:
        text = f"[{line.where}] {line.text}"
        if not self._seam.has(text):
            self._print({"at": line.at.isoformat(), "where": line.where, "line": line.text}, text)

    def trouble(self, why: str) -> None:
        if why and not self._trouble:
            tell(f"{why}; trying again")
        self._trouble = why

    def _print(self, fields: dict[str, str], text: str) -> None:
        print_line(json.dumps(fields) if self._as_json else cleaned(text), at_once=True)


class Seam:
    """Joins the end of a log that was read to the lines that are heard: what is in both counts once.

    The lines heard first may be the last ones that were read. They are followed through those in their
    order, from every place where they might begin, until they go on behind the end.
    """

    def __init__(self, read: Sequence[str]) -> None:
        self._read = read
        self._places: set[int] | None = None
        """Where the next line may stand in what was read; None before the first."""

    def has(self, line: str) -> bool:
        """Whether the line that is heard now was read."""
        candidates = range(len(self._read)) if self._places is None else self._places
        self._places = {
            place + 1 for place in candidates if place < len(self._read) and self._read[place] == line
        }
        return bool(self._places)
