"""Who gets in, as whom, and for how long."""

import asyncio
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from temporalio.client import Client

from activities.mongo.stores import open_stores
from api.accounts import FRESH
from api.app import create_app
from api.first_admin import FirstAdmin
from api.permissions import MINIMAL_ROLE, PUBLIC, Role
from api.security.attempts import MAX_PER_USER
from api.security.passwords import Passwords
from tests.support.api import PASSWORD, Api, api_settings, running_api
from tests.support.contract_check import checked_client
from tests.support.mongodb import EmbeddedMongo
from tests.support.stack import eventually

SECURED = sorted(name for name, role in MINIMAL_ROLE.items() if role is not PUBLIC)
UNKNOWN = "8c3f2d0e-5f0e-4c39-9d0b-3c1a5a1c2b11"


def url(path: str) -> str:
    for name in ("{batchId}", "{taskId}", "{workflowId}"):
        path = path.replace(name, UNKNOWN)
    return path


async def request(api: Api, name: str, token: str | None) -> httpx.Response:
    method, path = name.split()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with api.anonymous() as client:
        return await client.request(method, url(path), headers=headers, content=b"{")


@pytest.mark.parametrize("name", SECURED)
async def test_nobody_gets_in_without_a_token(api: Api, name: str) -> None:
    for token in (None, "nonsense", "a.b.c"):
        answer = await request(api, name, token)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["success"] is False


async def test_the_table_decides_what_a_role_may(api: Api) -> None:
    for held in Role:
        user = await api.user(held.name.lower())
        token = await api.token(user.username)
        for name in SECURED:
            needed = MINIMAL_ROLE[name]
            assert needed is not None
            refused = (await request(api, name, token)).status_code == 403
            assert refused == (held < needed), (held, name)


async def test_a_user_without_a_role_may_nothing(api: Api) -> None:
    user = await api.user()
    answer = await request(api, "GET /tasks", await api.token(user.username))
    assert answer.status_code == 403


async def test_a_login_is_what_the_contract_says(api: Api) -> None:
    body = {"username": "admin", "password": PASSWORD, "mfa_code": "123456", "extra": True}
    answer = await api.client.post("/auth/login", json=body)
    data = answer.json()["data"]
    assert data.keys() == {"token", "expires_at", "user"}
    assert data["user"].keys() == {"id", "username", "email", "roles"}
    assert (data["user"]["username"], data["user"]["roles"]) == ("admin", ["admin"])


async def test_an_unknown_a_wrong_and_a_disabled_one_get_the_same_answer(api: Api) -> None:
    disabled = await api.user("admin", disabled=True)
    same = {"X-Request-ID": "one-of-four"}
    answers = [
        await api.client.post("/auth/login", json={"username": username, "password": password}, headers=same)
        for username, password in (
            ("nobody-at-all", PASSWORD),
            ("admin", "wrong"),
            ("admin", ""),
            (disabled.username, PASSWORD),
        )
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({(answer.content, str(answer.headers)) for answer in answers}) == 1


async def test_guessing_is_slowed_down_and_told_how_long(api: Api) -> None:
    victim = await api.user("viewer")
    wrong = {"username": victim.username, "password": "wrong"}
    for _ in range(MAX_PER_USER):
        assert (await api.client.post("/auth/login", json=wrong)).status_code == 401
    right = await api.client.post("/auth/login", json=wrong | {"password": PASSWORD})
    assert right.status_code == 429
    assert 0 < int(right.headers["retry-after"]) <= 60


async def test_a_user_who_is_gone_or_disabled_is_out_within_a_second(api: Api) -> None:
    user = await api.user("viewer")
    token = await api.token(user.username)
    assert (await request(api, "GET /tasks", token)).status_code == 200
    answer = await api.client.patch(f"/users/{user.username}", json={"disabled": True})
    assert answer.status_code == 200, answer.text

    async def is_out() -> bool:
        return (await request(api, "GET /tasks", token)).status_code == 401

    assert FRESH < 1, "what a busy machine takes besides is not promised"
    await eventually(is_out)


async def test_the_first_admin_is_one_however_many_start_together(
    mongodb: EmbeddedMongo, temporal: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = api_settings(tmp_path, mongodb, temporal).model_copy(update={"admin_password": None})
    stores, passwords = open_stores(settings), Passwords()
    try:
        together = [FirstAdmin(stores.users, passwords, settings).ensure() for _ in range(6)]
        await asyncio.gather(*together)
        assert await stores.users.count() == 1
        admin = await stores.users.by_name("admin")
        assert admin is not None
        password = (tmp_path / "admin-password").read_text().strip()
        assert await passwords.matches(password, admin.password_hash)
        printed = capsys.readouterr().out.splitlines()
        assert len(printed) == 1
        assert "admin-password" in printed[0]
        assert password not in printed[0]
    finally:
        await stores.close()


def written(folder: Path) -> list[str]:
    return [file.read_text().strip() for file in folder.glob("*/admin-password")]


async def test_a_password_of_a_process_that_was_second_elsewhere_is_withdrawn(
    mongodb: EmbeddedMongo, temporal: Client, tmp_path: Path
) -> None:
    first = api_settings(tmp_path / "one", mongodb, temporal).model_copy(update={"admin_password": None})
    second = first.model_copy(update={"state_dir": tmp_path / "two"})
    stores, passwords = open_stores(first), Passwords()
    try:
        both = [FirstAdmin(stores.users, passwords, settings).ensure() for settings in (first, second)]
        await asyncio.gather(*both)
        admin = await stores.users.by_name("admin")
        assert admin is not None
        (password,) = written(tmp_path)
        assert await passwords.matches(password, admin.password_hash)
    finally:
        await stores.close()


async def test_it_starts_without_mongodb_and_recovers_by_itself(
    mortal_mongodb: EmbeddedMongo, temporal: Client, tmp_path: Path
) -> None:
    await asyncio.to_thread(mortal_mongodb.kill)
    app = create_app(api_settings(tmp_path / "state", mortal_mongodb, temporal))
    login = {"username": "admin", "password": PASSWORD}
    async with (
        app.router.lifespan_context(app),
        checked_client(transport=httpx.ASGITransport(app), base_url="http://api") as client,
    ):
        for answer in (await client.get("/health"), await client.post("/auth/login", json=login)):
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
        # To start it anew would not bring the database back.
        assert (await client.get("/health/live")).status_code == 200
        await asyncio.to_thread(mortal_mongodb.start)
        async with asyncio.timeout(60):
            while True:
                answer = await client.post("/auth/login", json=login)
                if answer.status_code == 200:
                    break
                # Never "wrong password": there is nobody yet, and that is no fault of the caller's.
                assert answer.status_code == 503
                await asyncio.sleep(0.2)
        answer = await client.get("/health")
        # Of what it needs only a worker is missing, if it could tell so far.
        missing = "no worker polls the task queue"
        assert answer.status_code == 200 or answer.json()["error"] == missing, answer.text


async def test_tokens_outlive_a_restart(mongodb: EmbeddedMongo, temporal: Client, tmp_path: Path) -> None:
    settings = api_settings(tmp_path, mongodb, temporal)
    async with running_api(settings, temporal) as before:
        token = await before.token("admin")
    async with running_api(settings, temporal) as after:
        assert (await request(after, "GET /tasks", token)).status_code == 200
    secret = settings.model_copy(update={"jwt_secret": SecretStr("x" * 32)})
    async with running_api(secret, temporal) as other:
        assert (await request(other, "GET /tasks", token)).status_code == 401
