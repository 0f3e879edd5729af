"""JSON with the places of its parts."""

import json
import re
from bisect import bisect_right

from pydantic import JsonValue

from api.cli.batchfile.document import MAX_DEPTH, Document, Place, Steps, Unreadable, finite

_SPACE = re.compile(r"[ \t\n\r]*")


def read_json(text: str) -> Document:
    """Raises Unreadable: it is no JSON."""
    return _Reader(text).document()


class _Reader:
    """Walks through objects and lists; what is in them is the standard library's to read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._decoder = json.JSONDecoder(
            parse_constant=_no_json, parse_float=lambda digits: finite(float(digits))
        )
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self._places: dict[Steps, Place] = {}
        self._repeated: list[Steps] = []

    def document(self) -> Document:
        try:
            value, end = self._value(self._skip(0), ())
            if end != len(self._text):
                raise json.JSONDecodeError("Extra data", self._text, end)
        except json.JSONDecodeError as error:
            raise Unreadable(self._place(error.pos), f"it is no JSON: {error.msg}") from None
        return Document(value, self._places, self._repeated)

    def _value(self, at: int, steps: Steps) -> tuple[JsonValue, int]:
        """The value there, and where the next thing begins."""
        if len(steps) > MAX_DEPTH:
            raise json.JSONDecodeError(f"Nested more than {MAX_DEPTH} deep", self._text, at)
        self._places.setdefault(steps, self._place(at))
        match self._text[at : at + 1]:
            case "{":
                return self._object(self._skip(at + 1), steps)
            case "[":
                return self._list(self._skip(at + 1), steps)
        try:
            value, end = self._decoder.raw_decode(self._text, at)
        except json.JSONDecodeError:
            raise
        except ValueError as error:
            raise json.JSONDecodeError(str(error), self._text, at) from None
        return value, self._skip(end)

    def _object(self, at: int, steps: Steps) -> tuple[JsonValue, int]:
        found: dict[str, JsonValue] = {}
        if self._text[at : at + 1] == "}":
            return found, self._skip(at + 1)
        while True:
            if self._text[at : at + 1] != '"':
                raise json.JSONDecodeError("Expecting property name in double quotes", self._text, at)
            name, end = self._decoder.raw_decode(self._text, at)
            if name in found:
                self._repeated.append((*steps, name))
            self._places[*steps, name] = self._place(at)
            at = self._after(":", self._skip(end))
            found[name], at = self._value(at, (*steps, name))
            if self._text[at : at + 1] == "}":
                return found, self._skip(at + 1)
            at = self._after(",", at)

    def _list(self, at: int, steps: Steps) -> tuple[JsonValue, int]:
        found: list[JsonValue] = []
        if self._text[at : at + 1] == "]":
            return found, self._skip(at + 1)
        while True:
            value, at = self._value(at, (*steps, len(found)))
            found.append(value)
            if self._text[at : at + 1] == "]":
                return found, self._skip(at + 1)
            at = self._after(",", at)

    def _after(self, sign: str, at: int) -> int:
        if self._text[at : at + 1] != sign:
            raise json.JSONDecodeError(f"Expecting '{sign}'", self._text, at)
        return self._skip(at + 1)

    def _skip(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        return match.end() if match else at

    def _place(self, at: int) -> Place:
        line = bisect_right(self._lines, at)
        return Place(line, at - self._lines[line - 1] + 1)


def _no_json(name: str) -> JsonValue:
    """Python would take NaN and its like."""
    raise ValueError(f"{name} is no number of JSON")
