"""The contract as it is served: the file as it stands, and what we add to it. Nothing is taken away."""

import functools
import json
from pathlib import Path
from typing import Any

import yaml

from api.permissions import MINIMAL_ROLE

CONTRACT = Path(__file__).parent / "contract" / "openapi.yaml"
ADDITIONS = Path(__file__).parent / "contract" / "additions.yaml"

_METHODS = frozenset({"get", "post", "put", "delete", "patch"})
_MEANINGS = {
    "400": "The body is not valid JSON",
    "401": "No valid token, or wrong credentials",
    "403": "The user's role is not enough",
    "404": "There is no such thing",
    "409": "It is not in a state in which this can be done",
    "413": "The body is too large",
    "415": "The body is of another type than JSON",
    "422": "The request does not fit; the message says where",
    "429": "Too many attempts; Retry-After says when to come back",
    "503": "Temporal or MongoDB is away; try again",
}


@functools.cache
def served_contract() -> bytes:
    """The contract with our paths, parameters and error responses, as JSON."""
    contract = yaml.safe_load(CONTRACT.read_text())
    merge(contract, yaml.safe_load(ADDITIONS.read_text()))
    for path, item in contract["paths"].items():
        for method in _METHODS & item.keys():
            served = f"{method.upper()} {path}" in MINIMAL_ROLE
            if served:
                _add_errors(path, method, item[method])
    return json.dumps(contract, default=str).encode()


def merge(base: dict[str, Any], extra: dict[str, Any]) -> None:
    """Adds to `base` what only `extra` has; lists grow at their end, and what both have stays."""
    for key, value in extra.items():
        if key not in base:
            base[key] = value
        elif isinstance(base[key], dict) and isinstance(value, dict):
            merge(base[key], value)
        elif isinstance(base[key], list) and isinstance(value, list):
            base[key].extend(value)


def _add_errors(path: str, method: str, operation: dict[str, Any]) -> None:
    body = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}}
    for status in _errors_of(path, method):
        operation["responses"].setdefault(status, {"description": _MEANINGS[status], "content": body})


def _errors_of(path: str, method: str) -> set[str]:
    statuses = {"503"}
    if MINIMAL_ROLE[f"{method.upper()} {path}"] is not None:
        statuses |= {"401", "403"}
    if "{" in path:
        statuses |= {"404", "422"}
    match method, path:
        case "post", "/auth/login":
            statuses |= {"400", "401", "413", "415", "422", "429"}
        case "post", "/batch/execute":
            statuses |= {"400", "413", "415", "422"}
        case "post", "/batch/operations/{batchId}/cancel":
            statuses |= {"409"}
        case "get", ("/tasks" | "/batch/operations" | "/inventory/servers" | "/inventory/effects"):
            statuses |= {"422"}
        case _:
            pass
    return statuses
