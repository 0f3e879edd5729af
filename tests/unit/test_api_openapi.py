"""The served contract has everything of the contract, unchanged, and says what we add."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from openapi_spec_validator import OpenAPIV30SpecValidator

from api.answers import COMPONENTS
from api.errors import STATUS
from api.openapi import CONTRACT, merge, served_contract
from api.permissions import MINIMAL_ROLE

CONTRACT_NODES = 1183
"""What the contract consists of: mappings, lists and values. The file does not change."""

UNDESCRIBED = {"GET /openapi.json", "GET /docs", "GET /redoc", "GET /docs/files/{name}"}
UNDESCRIBED |= {"GET /", "GET /control-center/{path:path}"}
"""The description itself, its pages, and the control center."""

Document = dict[str, Any]
Path = tuple[str | int, ...]


@pytest.fixture
def served() -> Document:
    return dict(json.loads(served_contract()))


@pytest.fixture
def contract() -> Document:
    return dict(yaml.safe_load(CONTRACT.read_text()))


def operations(document: Document) -> dict[str, Document]:
    """By their names in the permission table."""
    methods = {"get", "put", "post", "patch", "delete"}
    return {
        f"{method.upper()} {path}": item[method]
        for path, item in document["paths"].items()
        for method in methods & item.keys()
    }


def walk(contract: Any, served: Any, path: Path = ()) -> Iterator[tuple[Path, bool]]:
    """Each node of the contract, and whether it is served: of the same kind, and the same if it is a leaf."""
    # True == 1, so the type counts too.
    alike = type(served) is type(contract)
    match contract:
        case dict():
            yield path, alike
            for key, value in contract.items():
                yield from walk(value, served.get(key) if alike else None, (*path, key))
        case list():
            alike = alike and len(served) >= len(contract)
            yield path, alike
            for index, value in enumerate(contract):
                yield from walk(value, served[index] if alike else None, (*path, index))
        case _:
            yield path, alike and served == contract


def at(document: Any, path: Path) -> Any:
    for part in path:
        document = document[part]
    return document


def resolved(document: Document, node: Document) -> Document:
    """The node, or what it refers to."""
    return dict(at(document, tuple(node["$ref"].split("/")[1:])) if "$ref" in node else node)


def test_every_node_of_the_contract_is_served_unchanged(contract: Document, served: Document) -> None:
    nodes = dict(walk(contract, served))
    assert [path for path, same in nodes.items() if not same] == []
    assert len(nodes) == CONTRACT_NODES


def test_the_walk_notices_each_node_that_is_changed_or_missing(contract: Document) -> None:
    document = copy.deepcopy(contract)
    for path in [path for path, _ in walk(contract, contract)][1:]:
        holder, kept = at(document, path[:-1]), at(document, path)
        holder[path[-1]] = object()
        assert (path, False) in walk(contract, document)
        holder[path[-1]] = kept
    assert all(same for _, same in walk(contract, document))


def test_it_is_valid_as_openapi(contract: Document, served: Document) -> None:
    for document in (contract, served):
        assert document["openapi"] == "3.0.3"
        assert [error.message for error in OpenAPIV30SpecValidator(document).iter_errors()] == []


def test_everything_that_is_served_is_described(served: Document) -> None:
    assert MINIMAL_ROLE.keys() - UNDESCRIBED <= operations(served).keys()


def test_each_operation_has_a_name_of_its_own(served: Document) -> None:
    names = [operation["operationId"] for operation in operations(served).values()]
    assert len(set(names)) == len(names)
    assert {"listTasks", "getTaskStatus", "executeBatchOperation"} <= set(names)


def test_the_errors_of_what_is_served_are_described(served: Document) -> None:
    responses = {name: set(operation["responses"]) for name, operation in operations(served).items()}
    body = {"400", "408", "413", "415", "422"}
    assert responses["GET /health"] == {"200", "503"}
    assert responses["GET /tasks"] == {"200", "401", "403", "422", "503"}
    assert responses["GET /tasks/{taskId}"] == {"200", "401", "403", "404", "422", "503"}
    assert responses["POST /auth/login"] == {"200", "401", "429", "503"} | body
    assert responses["POST /batch/execute"] >= {"200", "401", "403", "503"} | body
    assert responses["POST /batch/operations/{batchId}/cancel"] >= {"404", "409"}


def test_every_error_of_ours_is_an_error_response_in_the_description(served: Document) -> None:
    described = served["components"]["responses"]
    assert set(COMPONENTS) == {str(status) for status in STATUS.values()}
    for name in COMPONENTS.values():
        content = described[name]["content"]["application/json"]
        assert content["schema"] == {"$ref": "#/components/schemas/ErrorResponse"}


def test_every_answer_says_its_headers(served: Document) -> None:
    for name in MINIMAL_ROLE.keys() - UNDESCRIBED:
        for status, response in operations(served)[name]["responses"].items():
            headers = resolved(served, response)["headers"]
            assert "X-Request-ID" in headers, (name, status)
            assert ("Retry-After" in headers) == (status in {"429", "503"}), (name, status)
            assert ("WWW-Authenticate" in headers) == (status == "401"), (name, status)


def test_merging_adds_and_refuses_to_change() -> None:
    base = {"a": 1, "b": {"c": [1]}, "d": [{"e": 1}, {"f": 2}]}
    merge(base, {"a": 1, "b": {"c": [2], "d": 3}, "d": {1: {"g": 3}}, "e": 4})
    assert base == {"a": 1, "b": {"c": [1, 2], "d": 3}, "d": [{"e": 1}, {"f": 2, "g": 3}], "e": 4}
    for change in ({"a": 2}, {"a": {"b": 1}}, {"b": 1}, {"d": {0: {"e": 2}}}):
        with pytest.raises(ValueError, match="would change"):
            merge(base, change)
