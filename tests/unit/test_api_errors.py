"""Errors: one table, one shape, and no more in it than a client may know."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel, ValidationError

from api import errors
from api.errors import INTERNAL_ERROR, MAX_LISTED, STATUS, describe, status_of, where
from api.middleware import BodyLimitMiddleware, RequestMiddleware
from workflows.domain.errors import ActionFailed, NotFound, ProvisioningError, Unavailable


def all_kinds(kind: type[ProvisioningError] = ProvisioningError) -> set[type[ProvisioningError]]:
    return {kind} | {found for child in kind.__subclasses__() for found in all_kinds(child)}


def test_every_error_of_the_tree_has_its_line_or_is_a_defect() -> None:
    assert all_kinds() - STATUS.keys() == {ProvisioningError, ActionFailed}


def test_a_more_special_error_has_its_parents_status() -> None:
    class Vanished(NotFound):
        pass

    assert status_of(Vanished("x")) == 404
    assert status_of(ActionFailed("x")) == 500


def test_a_place_reads_as_a_person_writes_it() -> None:
    assert where(("operations", 2, "config", "plan")) == "operations[2].config.plan"
    assert where((0, "name"), "config") == "config[0].name"
    assert where(()) == "body"


def test_only_so_many_mistakes_are_listed() -> None:
    class Many(BaseModel):
        numbers: list[int]

    with pytest.raises(ValidationError) as refused:
        Many.model_validate({"numbers": ["x"] * (MAX_LISTED + 7)})
    text = describe(refused.value.errors())
    assert text.count("numbers[") == MAX_LISTED
    assert text.endswith("; and 7 more")


@pytest.fixture
async def client() -> httpx.AsyncClient:
    app = FastAPI(redirect_slashes=False, openapi_url=None)
    router = APIRouter()

    @router.get("/defect")
    async def defect() -> None:
        raise ZeroDivisionError("secret text")

    @router.get("/failed")
    async def failed() -> None:
        raise ActionFailed("secret text")

    @router.get("/away")
    async def away() -> None:
        raise Unavailable("MongoDB does not answer")

    @router.get("/number/{n}")
    async def number(n: int) -> int:
        return n

    @router.put("/number/{n}")
    async def set_number(n: int) -> int:
        return n

    app.include_router(router)
    errors.install(app, [router])
    app.add_middleware(BodyLimitMiddleware, limit=10)
    app.add_middleware(RequestMiddleware)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api")


def message(answer: httpx.Response) -> str:
    """Its text, after a look at the envelope."""
    body = answer.json()
    assert set(body) == {"success", "error", "request_id"}
    assert body["success"] is False
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"] == body["request_id"]
    return str(body["error"])


@pytest.mark.parametrize("path", ["/defect", "/failed"])
async def test_a_defect_tells_nothing(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 500
    assert message(answer) == INTERNAL_ERROR


async def test_what_is_away_comes_back(client: httpx.AsyncClient) -> None:
    answer = await client.get("/away")
    assert (answer.status_code, message(answer)) == (503, "MongoDB does not answer")
    assert int(answer.headers["retry-after"]) > 0


async def test_the_frameworks_own_errors(client: httpx.AsyncClient) -> None:
    unknown = await client.get("/number/5/")
    assert (unknown.status_code, message(unknown)) == (404, "there is nothing at /number/5/")
    wrong = await client.delete("/number/5")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, PUT")
    assert "DELETE" in message(wrong)
    unfit = await client.get("/number/five")
    assert unfit.status_code == 422
    assert message(unfit).startswith("n: ")


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_over_the_limit(client: httpx.AsyncClient, announced: bool) -> None:
    @client_app(client).post("/take")
    async def take(request: Request) -> int:
        return len(await request.body())

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x"

    answer = await client.post("/take", content=b"x" * 11 if announced else parts())
    assert answer.status_code == 413
    assert "10 bytes" in message(answer)
    assert (await client.post("/take", content=b"x" * 10)).json() == 10


def client_app(client: httpx.AsyncClient) -> FastAPI:
    transport = client._transport
    assert isinstance(transport, httpx.ASGITransport)
    assert isinstance(transport.app, FastAPI)
    return transport.app


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-1", True), ("a b", False), ("x" * 129, False), ("", False)]
)
async def test_a_request_id_is_kept_or_made(client: httpx.AsyncClient, given: str, kept: bool) -> None:
    answer = await client.get("/number/5", headers={"X-Request-ID": given})
    assert (answer.headers["x-request-id"] == given) == kept
    assert json.loads(answer.content) == 5
