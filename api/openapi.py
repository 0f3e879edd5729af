"""The contract as it is served: the file as it stands, and what we add to it. Nothing is taken away."""

import copy
import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from api.answers import COMPONENTS, errors_of
from api.permissions import MINIMAL_ROLE

CONTRACT = Path(__file__).parent / "contract" / "openapi.yaml"
ADDITIONS = Path(__file__).parent / "contract" / "additions"
"""What the service offers beside the contract, one file for each topic."""

Described = dict[str, Any]
"""An operation, as the document describes it."""

_METHODS = ("get", "post", "put", "patch", "delete")
_REQUEST_ID = {"$ref": "#/components/headers/RequestId"}


@functools.cache
def served_contract() -> bytes:
    """The contract with our paths, parameters and errors, as JSON."""
    return json.dumps(_document(), default=str).encode()


def merge(base: Any, extra: Any, path: str = "") -> None:
    """Adds what only `extra` has. A list grows at its end, or in the items that `extra` gives by number.

    Raises:
        ValueError: `extra` would change what is there.
    """
    if isinstance(base, dict) and isinstance(extra, dict):
        for key, value in extra.items():
            if key in base:
                merge(base[key], value, f"{path}/{key}")
            else:
                base[key] = copy.deepcopy(value)
    elif isinstance(base, list) and isinstance(extra, dict):
        for index, value in extra.items():
            merge(base[index], value, f"{path}/{index}")
    elif isinstance(base, list) and isinstance(extra, list):
        base.extend(copy.deepcopy(extra))
    elif base != extra:
        raise ValueError(f"{path}: {extra!r} would change {base!r}")


def _document() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(CONTRACT.read_text())
    for addition in sorted(ADDITIONS.glob("*.yaml")):
        merge(document, yaml.safe_load(addition.read_text()), addition.name)
    for name, operation in _operations(document):
        operation.setdefault("operationId", _camel_case(operation["summary"]))
        if name in MINIMAL_ROLE:
            _add_errors(name, operation, document["components"])
        _name_the_envelope(operation, document["components"]["schemas"])
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, Described]]:
    """Each operation under its name in the permission table."""
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield f"{method.upper()} {path}", item[method]


def _add_errors(name: str, operation: Described, components: dict[str, Any]) -> None:
    responses = operation["responses"]
    for status in errors_of(name, _inputs(operation, components)):
        responses.setdefault(status, {"$ref": f"#/components/responses/{COMPONENTS[status]}"})
    for response in responses.values():
        if "$ref" not in response:
            response.setdefault("headers", {}).setdefault("X-Request-ID", _REQUEST_ID)


def _inputs(operation: Described, components: dict[str, Any]) -> set[str]:
    """`path`, `query`, `header` and `body`, as far as the operation takes something there."""
    named = components["parameters"]
    parameters = (
        named[p["$ref"].rpartition("/")[2]] if "$ref" in p else p for p in operation.get("parameters", ())
    )
    return {parameter["in"] for parameter in parameters} | ({"body"} if "requestBody" in operation else set())


def _name_the_envelope(operation: Described, schemas: dict[str, Any]) -> None:
    """Says once more, flat and under a name, what the contract says as `ApiResponse` and its data.

    Generators of clients cannot make one type of the two: to them `data` would be an object, a string or an
    array in the one, and something else in the other.
    """
    schema = (
        operation["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema")
    )
    match schema:
        case {"allOf": [{"$ref": "#/components/schemas/ApiResponse"}, {"properties": {"data": data}}]}:
            name = operation["operationId"][0].upper() + operation["operationId"][1:] + "Response"
            schemas[name] = {
                "type": "object",
                "properties": {"success": {"type": "boolean", "enum": [True]}, "data": data},
                "required": ["success", "data"],
            }
            schema["anyOf"] = [{"$ref": f"#/components/schemas/{name}"}]


def _camel_case(summary: str) -> str:
    words: list[str] = re.findall(r"[A-Za-z0-9]+", summary)
    return words[0].lower() + "".join(word.capitalize() for word in words[1:])
