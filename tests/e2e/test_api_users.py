"""Users over HTTP: made, changed and listed by admins, of whom one always stays."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from temporalio.client import Client

from tests.support.api import Api, api_settings, running_api
from tests.support.mongodb import EmbeddedMongo

LONG = "a long enough password"
FIELDS = {"id", "username", "email", "roles", "disabled", "mfa_enabled", "created_at"}


def named() -> str:
    return f"user-{uuid4().hex}"


async def create(api: Api, **changes: object) -> httpx.Response:
    body = {"username": named(), "password": LONG, "roles": ["viewer"]} | changes
    return await api.client.post("/users", json=body)


async def change(api: Api, username: str, **changes: object) -> httpx.Response:
    return await api.client.patch(f"/users/{username}", json=changes)


async def test_a_user_is_made_and_logs_in(api: Api) -> None:
    name = named()
    answer = await create(api, username=name, roles=["viewer", "operator", "viewer"])
    assert answer.status_code == 200, answer.text
    user = answer.json()["data"]
    assert user.keys() == FIELDS
    assert user["email"] == f"{name}@localhost.localdomain"
    assert user["roles"] == ["viewer", "operator"]
    assert (user["disabled"], user["mfa_enabled"]) == (False, False)
    assert await api.token(name, LONG)
    listed = (await api.client.get("/users")).json()["data"]
    assert user in listed
    assert [known["username"] for known in listed] == sorted(known["username"] for known in listed)
    taken = await create(api, username=name)
    assert taken.status_code == 409
    assert name in taken.json()["error"]


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"username": ""}, "username"),
        ({"username": "x" * 256}, "username"),
        ({"username": "a/b"}, "username"),
        ({"username": "a\nb"}, "username"),
        ({"username": "a\n"}, "username"),
        ({"username": 5}, "username"),
        ({"password": "too short"}, "password"),
        ({"password": "x" * 1025}, "password"),
        ({"email": "nowhere"}, "email"),
        ({"roles": ["root"]}, "roles[0]"),
        ({"roles": "admin"}, "roles"),
        ({"roles": None}, "roles"),
    ],
    ids=range(12),
)
async def test_what_does_not_fit_is_refused_with_its_place(
    api: Api, changes: dict[str, object], where: str
) -> None:
    answer = await create(api, **changes)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(f"{where}: ")
    assert "password" not in changes or str(changes["password"]) not in answer.text


async def test_what_is_left_out_of_a_change_stays(api: Api) -> None:
    name = (await create(api)).json()["data"]["username"]
    changed = (await change(api, name, email="ada@example.org")).json()["data"]
    assert (changed["email"], changed["roles"], changed["disabled"]) == ("ada@example.org", ["viewer"], False)
    changed = (await change(api, name, roles=[])).json()["data"]
    assert (changed["email"], changed["roles"]) == ("ada@example.org", [])
    assert (await change(api, name)).json()["data"] == changed
    assert (await change(api, name, roles=["nobody"])).status_code == 422


async def test_a_user_who_is_not_there_is_404_everywhere(api: Api) -> None:
    calls: tuple[tuple[str, str, Any], ...] = (
        ("PATCH", "", {"disabled": True}),
        ("PUT", "/password", {"password": LONG}),
        ("POST", "/mfa", None),
        ("POST", "/mfa/confirm", {"code": "123456"}),
        ("DELETE", "/mfa", None),
    )
    for method, path, body in calls:
        answer = await api.client.request(method, f"/users/nobody-at-all{path}", json=body)
        assert answer.status_code == 404, (method, path, answer.text)
        assert answer.json()["success"] is False


@pytest.fixture
async def alone(mongodb: EmbeddedMongo, temporal: Client, tmp_path: Path) -> AsyncIterator[Api]:
    """An API with one user, its admin."""
    async with running_api(api_settings(tmp_path, mongodb, temporal), temporal) as api:
        yield api


async def test_the_last_admin_stays_and_stays_logged_in(alone: Api) -> None:
    await create(alone, username="disabled", roles=["admin"])
    assert (await change(alone, "disabled", disabled=True)).status_code == 200
    await create(alone, username="viewer")
    for changes in ({"disabled": True}, {"roles": ["operator"]}, {"roles": [], "disabled": False}):
        refused = await change(alone, "admin", **changes)
        assert refused.status_code == 409, refused.text
        assert "last admin" in refused.json()["error"]
    await asyncio.sleep(1)  # longer than anything is taken from memory
    assert (await alone.client.get("/users")).status_code == 200
    await create(alone, username="second", roles=["admin"])
    assert (await change(alone, "admin", roles=["viewer"])).status_code == 200


async def test_two_who_take_each_other_away_leave_somebody(alone: Api) -> None:
    async with running_api(alone.settings, alone.temporal) as other:
        for turn in range(5):
            names = [f"admin-{turn}-a", f"admin-{turn}-b"]
            for name in names:
                assert (await create(alone, username=name, roles=["admin"])).status_code == 200
            users = alone.services.stores.users
            first = await users.by_name("admin")
            assert first is not None
            assert await users.replace(first.model_copy(update={"roles": ()}))
            together = (
                api.services.users.change(name, disabled=True)
                for api, name in zip((alone, other), names, strict=True)
            )
            ended = await asyncio.gather(*together, return_exceptions=True)
            left = [user for user in await users.all() if "admin" in user.roles and not user.disabled]
            assert left, ended
            first = await users.by_name("admin")
            assert first is not None
            assert await users.replace(first.model_copy(update={"roles": ("admin",)}))
            for user in left:
                await alone.services.users.change(user.username, roles=[])


@pytest.mark.parametrize(("ago", "status"), [(1, 409), (3600, 200)], ids=["now", "long-ago"])
async def test_a_process_that_died_over_an_admin_leaves_no_obstacle(
    alone: Api, ago: int, status: int
) -> None:
    await create(alone, username="second", roles=["admin"])
    users = alone.services.stores.users
    second = await users.by_name("second")
    assert second is not None
    begun = datetime.now(UTC) - timedelta(seconds=ago)
    assert await users.replace(second.model_copy(update={"leaving_since": begun}))
    assert (await change(alone, "admin", disabled=True)).status_code == status
