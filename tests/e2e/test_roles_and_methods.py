"""Every role times every route times every method: the table decides, and what is not in it is 405."""

import re

import httpx
import pytest

from api.permissions import MINIMAL_ROLE, PUBLIC, Role
from tests.support.api import Api

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
PATHS = sorted({name.split()[1] for name in MINIMAL_ROLE})
NOBODY, WITHOUT_ROLE = "nobody", "without-role"
CALLERS = (NOBODY, WITHOUT_ROLE, *(role.name.lower() for role in Role))
UNKNOWN = "8c3f2d0e-5f0e-4c39-9d0b-3c1a5a1c2b11"


@pytest.fixture(scope="module")
async def tokens(api: Api) -> dict[str, str]:
    roles = {WITHOUT_ROLE: (), **{role.name.lower(): (role.name.lower(),) for role in Role}}
    return {name: await api.token((await api.user(*held)).username) for name, held in roles.items()}


async def call(api: Api, caller: str, tokens: dict[str, str], method: str, path: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {tokens[caller]}"} if caller in tokens else {}
    url = re.sub(r"\{\w+\}", UNKNOWN, path)
    # No JSON, so that whoever is let in changes nothing.
    async with api.anonymous() as client:
        return await client.request(method, url, headers=headers, content=b"{")


def refusal(caller: str, needed: Role | None) -> int | None:
    """The status with which the table turns this caller away, if it does."""
    if needed is PUBLIC:
        return None
    if caller == NOBODY:
        return 401
    held = 0 if caller == WITHOUT_ROLE else Role[caller.upper()]
    return 403 if held < needed else None


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("caller", CALLERS)
async def test_the_table_decides(api: Api, tokens: dict[str, str], caller: str, path: str) -> None:
    for method in METHODS:
        answer = await call(api, caller, tokens, method, path)
        name = f"{method} {path}"
        if name not in MINIMAL_ROLE:
            assert answer.status_code == 405, (name, answer.status_code)
            offered = {m.strip() for m in answer.headers["allow"].split(",")}
            assert offered == {m for m in METHODS if f"{m} {path}" in MINIMAL_ROLE}, name
            continue
        expected = refusal(caller, MINIMAL_ROLE[name])
        if expected is None:
            assert answer.status_code not in (401, 403, 405) or path == "/auth/login", (name, answer.text)
        else:
            assert answer.status_code == expected, (name, answer.text)
            assert answer.json()["success"] is False
