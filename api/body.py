"""Reads a request's body into its model, from the JSON text itself.

The framework would parse first and check the Python values then, where strictness would refuse a list for a
tuple; and its own error for a body that is no JSON is another than ours.
"""

import asyncio
import math
import re
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from fastapi import Request
from pydantic import ValidationError
from pydantic_core import from_json

from api.errors import MalformedRequest, TooLarge, UnsupportedBody, describe, where
from api.schemas.envelope import RequestModel
from api.validating import validated
from workflows.domain.errors import InvalidRequest

R = TypeVar("R", bound=RequestModel)
Path = tuple[int | str, ...]

_LARGEST_INTEGER = 2**63 - 1
_ALLOWED_CONTROLS = frozenset("\t\n\r")
_CONTROLS = frozenset(map(chr, [*range(0x20), *range(0x7F, 0xA0)])) - _ALLOWED_CONTROLS


_SUSPICIOUS = re.compile(rb"\\u00([0189]|7[fF])|\\[bf]|\x7f|\xc2[\x80-\x9f]|\d{19}|\d[eE]")
"""What the text of anything unstorable has in it; without it there is no need to look at each value."""

MAX_DEPTH = 64
"""Lists and objects inside each other."""

MAX_VALUES = 1_000_000
MAX_NAMES = 10_000
"""Values of a large body, and names of one object in it: one of few bytes takes hundreds in memory."""

_LARGE = 64 * 1024
"""Bytes from which on a body is read away from the event loop."""


class JsonBody(Generic[R]):
    """A dependency that gives the request's body as `model`."""

    def __init__(self, model: type[R], limit: int | None, longest: int | None) -> None:
        self.model = model
        self._limit = limit
        self._longest = longest

    async def __call__(self, request: Request) -> R:
        _require_json(request)
        body = await request.body()
        if self._limit is not None and len(body) > self._limit:
            raise TooLarge(f"the body has more than {self._limit} bytes")
        longest = self._longest or request.app.state.max_string_length
        if len(body) < _LARGE:
            return parse(self.model, body, longest)
        return await asyncio.to_thread(parse, self.model, body, longest)


def json_body(model: type[R], limit: int | None = None, longest: int | None = None) -> JsonBody[R]:
    """What a route depends on; `limit` is in bytes, `longest` the characters of one text.

    Without them, what the settings say.
    """
    return JsonBody(model, limit, longest)


def parse(model: type[R], body: bytes, longest: int = _LARGE) -> R:
    """The body as `model`; no text in it may have more than `longest` characters.

    Raises:
        MalformedRequest: the body is no JSON.
        InvalidRequest: it is, and does not fit; the message says where.
    """
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedRequest(f"the body is not valid JSON: {error}") from None
    if len(body) > longest or body.count(b"[") + body.count(b"{") > MAX_DEPTH or _SUSPICIOUS.search(body):
        _refuse_unstorable(value, longest)
    try:
        return validated(model, body)
    except ValidationError as error:
        raise InvalidRequest(describe(error.errors(include_url=False, include_input=False))) from None


def _require_json(request: Request) -> None:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise UnsupportedBody("send the body as JSON, with the header Content-Type: application/json")


def _refuse_unstorable(value: object, longest: int) -> None:
    """Refuses what is JSON and yet cannot be kept or shown: control characters, or no bounds."""
    waiting: list[Iterator[tuple[Path, object]]] = [iter([((), value)])]
    taken = 0
    while waiting:
        for path, item in waiting[-1]:
            taken += 1
            if taken > MAX_VALUES:
                raise InvalidRequest(f"the body has more than {MAX_VALUES} values")
            _refuse(path, item, longest)
            if isinstance(item, dict | list):
                # What is inside comes next, one by one: all at once would take more room than the body.
                waiting.append(_inside(path, item))
                break
        else:
            waiting.pop()


def _inside(path: Path, item: dict[str, object] | list[object]) -> Iterator[tuple[Path, object]]:
    named = item.items() if isinstance(item, dict) else enumerate(item)
    return (((*path, name), inner) for name, inner in named)


def _refuse(path: Path, item: object, longest: int) -> None:
    match item:
        case bool():
            pass
        case str() if len(item) > longest:
            raise InvalidRequest(f"{where(path)}: the text has more than {longest} characters")
        case str() if not _CONTROLS.isdisjoint(item):
            raise InvalidRequest(f"{where(path)}: control characters are not allowed")
        case int() if abs(item) > _LARGEST_INTEGER:
            raise InvalidRequest(f"{where(path)}: the number is too large")
        case float() if not math.isfinite(item):
            raise InvalidRequest(f"{where(path)}: the number is too large")
        case dict() | list() if len(path) >= MAX_DEPTH:
            raise InvalidRequest(f"{where(path[:1])}: nested more than {MAX_DEPTH} deep")
        case dict() if len(item) > MAX_NAMES:
            raise InvalidRequest(f"{where(path)}: it has more than {MAX_NAMES} names")
        case dict():
            _refuse_names(path, item, longest)


def _refuse_names(path: Path, names: Iterable[str], longest: int) -> None:
    for name in names:
        if len(name) > longest:
            raise InvalidRequest(f"{where(path)}: a name has more than {longest} characters")
        if not _CONTROLS.isdisjoint(name):
            raise InvalidRequest(f"{where(path)}: control characters are not allowed in names")
