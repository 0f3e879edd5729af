"""The served contract has everything of the contract, and what we add."""

import json
from typing import Any

import yaml

from api.openapi import CONTRACT, merge, served_contract
from api.permissions import MINIMAL_ROLE

_NOT_OF_THE_CONTRACT = {"GET /openapi.json", "GET /docs"}


def keeps(served: Any, contract: Any, path: str = "") -> None:
    """Everything of the contract is in what is served, unchanged."""
    if isinstance(contract, dict):
        for key, value in contract.items():
            assert key in served, f"{path}.{key}"
            keeps(served[key], value, f"{path}.{key}")
    elif isinstance(contract, list):
        assert served[: len(contract)] == contract, path
    else:
        assert served == contract, path


def test_nothing_of_the_contract_is_taken_away() -> None:
    keeps(json.loads(served_contract()), yaml.safe_load(CONTRACT.read_text()))


def test_everything_that_is_served_is_described() -> None:
    paths = json.loads(served_contract())["paths"]
    described = {f"{method.upper()} {path}" for path, item in paths.items() for method in item}
    assert MINIMAL_ROLE.keys() - _NOT_OF_THE_CONTRACT <= described


def test_the_errors_of_what_is_served_are_described() -> None:
    paths = json.loads(served_contract())["paths"]
    execute = paths["/batch/execute"]["post"]["responses"]
    assert {"200", "400", "401", "403", "413", "422", "503"} <= execute.keys()
    assert {"404", "409"} <= paths["/batch/operations/{batchId}/cancel"]["post"]["responses"].keys()
    assert "401" not in paths["/health"]["get"]["responses"]


def test_every_reference_leads_somewhere() -> None:
    served = json.loads(served_contract())

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if "$ref" in node else []
            return own + [found for value in node.values() for found in references(value)]
        return [found for item in node for found in references(item)] if isinstance(node, list) else []

    for reference in references(served):
        node = served
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_merging_adds_and_never_changes() -> None:
    base = {"a": 1, "b": {"c": [1]}}
    merge(base, {"a": 2, "b": {"c": [2], "d": 3}, "e": 4})
    assert base == {"a": 1, "b": {"c": [1, 2], "d": 3}, "e": 4}
