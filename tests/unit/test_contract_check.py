"""The check that the end-to-end tests rest on sees what it is there to see."""

import json

import pytest

from tests.support.contract_check import BrokenContract, Exchange, check

AUTHORIZATION = ("authorization", "Bearer x")
LOGIN = {
    "token": "x",
    "expires_at": "2026-01-01T00:00:00Z",
    "user": {
        "id": "8c3f2d0e-5f0e-4c39-9d0b-3c1a5a1c2b11",
        "username": "a",
        "email": "a@b.example",
        "roles": ["viewer"],
    },
}


def exchange(
    request: str, status: int, answer: object, body: object = None, *more: tuple[str, str]
) -> Exchange:
    method, path = request.split()
    json_body = ("content-type", "application/json")
    return Exchange(
        method,
        f"http://somewhere:5{path}",
        [json_body, *more],
        b"" if body is None else json.dumps(body).encode(),
        status,
        [json_body, ("x-request-id", "r")],
        json.dumps(answer).encode(),
    )


def success(data: object) -> dict[str, object]:
    return {"success": True, "data": data}


def error(**changes: object) -> dict[str, object]:
    return {"success": False, "error": "e", "request_id": "r"} | changes


@pytest.mark.parametrize(
    "fits",
    [
        exchange("GET /health", 200, success("well")),
        exchange("GET /tasks?limit=5&status=Running", 200, success([]), None, AUTHORIZATION),
        exchange("GET /users", 200, success([]), None, AUTHORIZATION),
        exchange("POST /auth/login", 200, success(LOGIN), {"username": "a", "password": "b"}),
        exchange("POST /auth/login", 422, error(), {"username": 5}),
        exchange("GET /tasks", 401, error()),
        exchange("GET /tasks", 503, error()),
        exchange("GET /nowhere", 404, error()),
        exchange("DELETE /tasks", 405, error()),
    ],
    ids=str,
)
def test_what_fits(fits: Exchange) -> None:
    check(fits)


@pytest.mark.parametrize(
    "broken",
    [
        exchange("GET /health", 200, success(5)),
        exchange("GET /health", 200, "well"),
        exchange("GET /tasks", 200, success([{"id": "t"}]), None, AUTHORIZATION),
        exchange("GET /users", 200, success([{}]), None, AUTHORIZATION),
        # Requests that should have been refused.
        exchange("GET /tasks", 200, success([])),
        exchange("GET /tasks?status=Idle", 200, success([]), None, AUTHORIZATION),
        exchange("POST /auth/login", 200, success(LOGIN), {"username": "a", "password": 5}),
        exchange("POST /auth/login", 200, success(LOGIN), {"username": "a"}),
        # Answers that nobody knows of.
        exchange("GET /health", 201, success("well")),
        exchange("GET /nowhere", 200, success("well")),
        exchange("GET /tasks", 409, error(), None, AUTHORIZATION),
        exchange("GET /nowhere", 404, {"detail": "Not Found"}),
        exchange("GET /tasks", 401, error(error="")),
        exchange("GET /tasks", 401, error(success=True)),
        exchange("GET /tasks", 401, error(request_id="another")),
    ],
    ids=str,
)
def test_what_does_not(broken: Exchange) -> None:
    with pytest.raises(BrokenContract):
        check(broken)
