"""Bodies that a schema of the contract forbids, made from the schema itself."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, NamedTuple

import yaml
from hypothesis import strategies as st

from api.openapi import CONTRACT

Schema = dict[str, Any]
Path = tuple[str | int, ...]

_OF_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=20),
    "integer": st.integers(-10, 10),
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "null": st.none(),
    "array": st.lists(st.integers(), max_size=3),
    "object": st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
}


class Place(NamedTuple):
    """Where in a body a value stands, what the contract says of it, and whether it may be missing."""

    path: Path
    schema: Schema
    required: bool


def schema_of(name: str) -> Schema:
    contract: Schema = yaml.safe_load(CONTRACT.read_text())
    schemas = contract["components"]["schemas"]

    def resolved(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return resolved(schemas[node["$ref"].rpartition("/")[2]])
            return {key: resolved(value) for key, value in node.items()}
        return [resolved(item) for item in node] if isinstance(node, list) else node

    return dict(resolved(schemas[name]))


def places(schema: Schema, body: Any, path: Path = (), required: bool = True) -> Iterator[Place]:
    """Every value of `body` of which the schema says something."""
    yield Place(path, schema, required)
    if schema.get("type") == "object":
        for name, inner in schema.get("properties", {}).items():
            if name in body:
                yield from places(inner, body[name], (*path, name), name in schema.get("required", ()))
    if schema.get("type") == "array":
        for index, item in enumerate(body):
            yield from places(schema["items"], item, (*path, index), required=False)


@st.composite
def malformed(draw: st.DrawFn, schema: Schema, valid: Any) -> bytes:
    """`valid`, with something in it that the contract forbids; or text that is no JSON."""
    if draw(st.integers(0, 4)) == 0:
        return draw(_no_json(json.dumps(valid).encode()))
    place = draw(st.sampled_from(list(places(schema, valid))))
    if place.required and place.path and draw(st.booleans()):
        return json.dumps(_without(valid, place.path)).encode()
    return json.dumps(_replaced(valid, place.path, draw(_unfit(place.schema)))).encode()


def _unfit(schema: Schema) -> st.SearchStrategy[Any]:
    """Values of another type, and of the right one but outside of what the schema allows."""
    kind = schema["type"]
    # Every integer is a number, and no number with a fraction is an integer.
    fitting = {kind} | ({"integer"} if kind == "number" else set())
    others = [values for name, values in _OF_TYPE.items() if name not in fitting]
    if kind == "integer":
        others[others.index(_OF_TYPE["number"])] = st.just(1.5)
    if "enum" in schema:
        others.append(_OF_TYPE["string"].filter(lambda text: text not in schema["enum"]))
    if "minimum" in schema:
        others.append(st.integers(max_value=schema["minimum"] - 1))
    if "maximum" in schema:
        others.append(st.integers(min_value=schema["maximum"] + 1))
    return st.one_of(others)


def _no_json(text: bytes) -> st.SearchStrategy[bytes]:
    cut = st.integers(0, len(text) - 1).map(lambda end: text[:end])
    added = st.sampled_from([b"}", b",", b"x", b"\x00", b"\xff"]).map(lambda end: text + end)
    spoiled = st.integers(0, len(text) - 1).map(lambda at: text[:at] + b"\xff" + text[at:])
    return st.one_of(cut, added, spoiled, st.just(text.replace(b"5", b"NaN")))


def _without(body: Any, path: Path) -> Any:
    changed = deepcopy(body)
    del _holder(changed, path)[path[-1]]
    return changed


def _replaced(body: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    changed = deepcopy(body)
    _holder(changed, path)[path[-1]] = value
    return changed


def _holder(body: Any, path: Path) -> Any:
    for part in path[:-1]:
        body = body[part]
    return body
