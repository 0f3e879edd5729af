"""The code and its description cannot drift apart: what the routes and their models say of themselves is held
against what is served."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

from api.body import JsonBody
from api.openapi import served_contract
from api.routes import ROUTERS
from api.schemas.envelope import RequestModel, absent
from tests.support.schemas import Shape, broken_promises, differences, resolve, shape
from workflows.domain.operations import TaskservsConfig

NO_ENVELOPE = {"GET /ws"}
"""A handshake: its parameters are held in test_live_subscription.py."""

OF_TEMPORAL = {"POST /codec/decode", "POST /codec/encode"}
"""What is said there is Temporal's own, without the envelope."""

IN_TEXT = {"GET /metrics"}
"""What is said there is Prometheus's own."""

Operation = dict[str, Any]

SERVED: dict[str, Any] = json.loads(served_contract())
ROUTES = {
    f"{method} {route.path}": route
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute) and route.include_in_schema
    for method in route.methods or ()
}


def generated() -> dict[str, Any]:
    """What the framework makes of the routes."""
    app = FastAPI()
    for router in ROUTERS:
        app.include_router(router)
    return app.openapi()


GENERATED = generated()


def operations(document: dict[str, Any]) -> dict[str, Operation]:
    methods = {"get", "put", "post", "patch", "delete"}
    return {
        f"{method.upper()} {path}": item[method]
        for path, item in document["paths"].items()
        for method in methods & item.keys()
    }


def parameters(operation: Operation, document: dict[str, Any]) -> dict[tuple[str, str], tuple[bool, Shape]]:
    """Where and under which name: is it required, and what may it be?"""
    found = (resolve(parameter, document) for parameter in operation.get("parameters", ()))
    return {
        (p["in"], p["name"].lower() if p["in"] == "header" else p["name"]): (
            p.get("required", False),
            shape(p["schema"], document),
        )
        for p in found
    }


def body_of(route: APIRoute) -> type[RequestModel] | None:
    """The model that the route reads its body into."""

    def calls(dependant: Dependant) -> Iterator[object]:
        yield dependant.call
        for inner in dependant.dependencies:
            yield from calls(inner)

    bodies = [call.model for call in calls(route.dependant) if isinstance(call, JsonBody)]
    assert len(bodies) <= 1, route.path
    return bodies[0] if bodies else None


def data_of(operation: Operation, document: dict[str, Any]) -> Shape | None:
    """What a success answers with, inside of the envelope."""
    envelope = operation["responses"]["200"]["content"]["application/json"]["schema"]
    if "allOf" in envelope:
        return shape(envelope["allOf"][1]["properties"]["data"], document)
    properties = resolve(envelope, document)["properties"]
    return shape(properties["data"], document)


def answer_of(operation: Operation, document: dict[str, Any]) -> Shape:
    """What a success without an envelope answers with."""
    return shape(operation["responses"]["200"]["content"]["application/json"]["schema"], document)


def test_the_paths_and_methods_are_those_that_are_described() -> None:
    described = operations(SERVED).keys()
    assert ROUTES.keys() | NO_ENVELOPE == described


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_the_parameters_are_those_that_are_described(name: str) -> None:
    code = parameters(operations(GENERATED)[name], GENERATED)
    described = parameters(operations(SERVED)[name], SERVED)
    assert code.keys() == described.keys()
    for key, (required, kind) in code.items():
        assert required == described[key][0], key
        # A parameter that is left out is None in the code; nobody can send a null.
        assert list(differences(replace(kind, nullable=False), described[key][1], key[1])) == []


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_the_body_is_the_one_that_is_described(name: str) -> None:
    model = body_of(ROUTES[name])
    described = operations(SERVED)[name].get("requestBody")
    assert (model is None) == (described is None)
    if model is not None and described is not None:
        assert described["required"] is True
        schema = model.model_json_schema(ref_template="#/$defs/{model}")
        wanted = shape(described["content"]["application/json"]["schema"], SERVED)
        assert list(differences(shape(schema, schema), wanted)) == []


@pytest.mark.parametrize("name", sorted(ROUTES.keys() - IN_TEXT))
def test_the_answer_is_the_one_that_is_described(name: str) -> None:
    within = answer_of if name in OF_TEMPORAL else data_of
    code = within(operations(GENERATED)[name], GENERATED)
    described = within(operations(SERVED)[name], SERVED)
    assert code is not None and described is not None
    assert list(broken_promises(code, described, "data")) == []


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every model that a type is made of, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models_in(field.annotation)
    for inner in get_args(annotation):
        yield from models_in(inner)


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_what_an_answer_may_lack_is_left_out_and_never_null(name: str) -> None:
    for model in models_in(ROUTES[name].response_model):
        for field_name, field in model.model_fields.items():
            if not field.is_required() and field.default is None:
                assert field.exclude_if is absent, f"{model.__name__}.{field_name}"


def test_the_config_of_task_services_is_the_one_that_is_described() -> None:
    schema = TaskservsConfig.model_json_schema()
    described = SERVED["components"]["schemas"]["TaskservBatchConfig"]
    assert list(differences(shape(schema, schema), shape(described, SERVED), "config")) == []
