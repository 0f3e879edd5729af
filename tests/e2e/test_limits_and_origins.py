"""Bodies without bounds and bodies that never come; and which pages may call."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError
from temporalio.client import Client

from activities.settings import Settings
from tests.support.api import Api, api_settings, running_api
from tests.support.mongodb import EmbeddedMongo

PAGE = "https://pages.example"


@pytest.fixture(scope="module")
async def api(
    mongodb: EmbeddedMongo, temporal: Client, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Api]:
    settings = api_settings(tmp_path_factory.mktemp("limits"), mongodb, temporal)
    changes = {"max_string_length": 2000, "body_timeout": 1, "cors_origins": f"{PAGE}, http://other:8"}
    async with running_api(settings.model_copy(update=changes), temporal) as api:
        yield api


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"name": "n", "note": ["", "x" * 2001]}, "note[1]: the text has more than 2000 characters"),
        ({"name": "n", "note": {"x" * 2001: 1}}, "note: a name has more than 2000 characters"),
        ({"name": "n", "note": nested(64)}, "note: nested more than 64 deep"),
    ],
    ids=["text", "name", "depth"],
)
async def test_what_has_no_bounds_is_refused_with_its_place(
    api: Api, body: dict[str, object], message: str
) -> None:
    answer = await api.client.post("/batch/execute", content=json.dumps(body))
    assert (answer.status_code, answer.json()["error"]) == (422, message)


async def test_what_is_just_within_the_bounds_passes_them(api: Api) -> None:
    body = {"name": "n", "operations": [], "note": ["x" * 2000, nested(61)]}
    answer = await api.client.post("/batch/execute", content=json.dumps(body))
    assert answer.json()["error"] == "operations: a batch needs at least one operation"


async def test_a_body_that_does_not_come_is_not_waited_for(api: Api) -> None:
    never = asyncio.Event()

    async def parts() -> AsyncIterator[bytes]:
        yield b"{"
        await never.wait()

    async with asyncio.timeout(30):
        answer = await api.client.post("/batch/execute", content=parts())
    assert answer.status_code == 408
    assert answer.headers["connection"] == "close"
    assert answer.json()["error"] == "the body did not arrive within 1 seconds"


async def preflight(api: Api, origin: str, method: str = "POST") -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,x-request-id",
    }
    async with api.anonymous() as client:
        return await client.options("/batch/execute", headers=headers)


async def test_a_page_that_is_named_may_call_and_read_the_headers(api: Api) -> None:
    asked = await preflight(api, PAGE)
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == PAGE
    assert "access-control-allow-credentials" not in asked.headers
    answer = await api.client.get("/tasks", headers={"Origin": PAGE})
    assert answer.headers["access-control-allow-origin"] == PAGE
    exposed = {name.strip() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert exposed == {"X-Request-ID", "X-Total-Count", "Link", "Retry-After", "Idempotency-Replayed"}
    refused = await api.client.post("/batch/execute", content=b"{", headers={"Origin": PAGE})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (400, PAGE)


async def test_another_page_may_not(api: Api) -> None:
    for asked in (await preflight(api, "https://evil.example"), await preflight(api, PAGE, "TRACE")):
        assert asked.status_code == 400
        assert asked.json()["success"] is False
        assert asked.headers["x-request-id"] == asked.json()["request_id"]
    answer = await api.client.get("/tasks", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


async def test_options_that_are_no_preflight_are_no_method(api: Api) -> None:
    assert (await api.client.options("/batch/execute")).status_code == 405


@pytest.mark.parametrize(
    "origins", ["*", "https://a/path", "pages.example", "https://*.example", "https://a,*"]
)
def test_origins_are_named_one_by_one(origins: str) -> None:
    with pytest.raises(ValidationError, match="cors_origins"):
        Settings(cors_origins=origins)


async def test_without_the_setting_a_preflight_is_no_method(
    mongodb: EmbeddedMongo, temporal: Client, tmp_path: Path
) -> None:
    async with running_api(api_settings(tmp_path, mongodb, temporal), temporal) as api:
        assert (await preflight(api, PAGE)).status_code == 405
