"""A document as it is written: its value, and where each part of it stands."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pydantic import JsonValue

from api.cli.errors import WrongUsage

Steps = tuple[str | int, ...]
"""The way to a part: names and numbers, from the outside in."""

MAX_DEPTH = 64
MAX_PARTS = 1_000_000
"""What a document may hold; YAML's aliases can make much of little."""


class Place(NamedTuple):
    """Both counted from 1, as editors do."""

    line: int
    column: int


class Mistake(NamedTuple):
    """Something that is wrong, and where. `path` is how the contract's errors name the part."""

    place: Place
    path: str
    message: str

    def __str__(self) -> str:
        path = f"{self.path}: " if self.path else ""
        return f"{self.place.line}:{self.place.column}: {path}{self.message}"


class Unreadable(Exception):
    """The document is neither JSON nor YAML."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.mistake = Mistake(place, "", message)


@dataclass
class Document:
    """`places` has the names of objects' entries and the beginnings of lists' items."""

    value: JsonValue
    places: Mapping[Steps, Place]
    repeated: list[Steps] = field(default_factory=list)
    """Names that stand twice in one object."""

    def place(self, steps: Steps) -> Place:
        """Where a part stands; for one that is missing, where that stands in which it is missing."""
        while steps not in self.places and steps:
            steps = steps[:-1]
        return self.places.get(steps, Place(1, 1))


def path_of(steps: Steps) -> str:
    """As the service's errors name it: `operations[2].config.plan`."""
    path = ""
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def finite(number: float) -> float:
    """The number. Raises ValueError where it is more than JSON can say."""
    if not math.isfinite(number):
        raise ValueError("the number is too large")
    return number


def read_text(name: str) -> str:
    """A file's text, or that of stdin for `-`. Raises WrongUsage where there is none."""
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise WrongUsage(f"cannot read {name}: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise WrongUsage(f"{name}:{line}: it is not UTF-8") from None
