"""What is wrong with settings, as it is told: in one line, of bounded length, with its place."""

from collections.abc import Iterable
from dataclasses import dataclass

_MAX_LISTED = 5
_MAX_TEXT = 500
"""Characters of one problem's text."""


@dataclass(frozen=True)
class Problem:
    """Something that is wrong; `file` is relative to the infra's folder, and None where there is no place."""

    text: str
    file: str | None = None
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        text = _printable(self.text)
        return text if self.file is None else f"{_printable(self.file)}:{self.line}:{self.column}: {text}"


def listing(problems: Iterable[Problem]) -> str:
    """The first of the problems, each once."""
    lines = list(dict.fromkeys(map(str, problems)))
    more = len(lines) - _MAX_LISTED
    return "; ".join(lines[:_MAX_LISTED]) + (f"; and {more} more" if more > 0 else "")


def _printable(text: str) -> str:
    line = " ".join(text.split())
    line = "".join(character if character.isprintable() else "?" for character in line)
    return line if len(line) <= _MAX_TEXT else f"{line[:_MAX_TEXT]}..."
