"""The second factor over HTTP: turned on by a code, asked for at each login, each code good for one."""

import asyncio
import time
from typing import Any

import httpx
import pymongo
import pyotp
import pytest

from activities.ports import User
from tests.support.api import PASSWORD, Api
from tests.support.mongodb import EmbeddedMongo
from tests.support.stack import eventually


def codes(secret: str) -> tuple[str, str]:
    """The code of now and the next one. A clock may be a step off, so both are taken for half a minute."""
    step = int(time.time()) // 30
    return pyotp.TOTP(secret).generate_otp(step), pyotp.TOTP(secret).generate_otp(step + 1)


def wrong_code(secret: str) -> str:
    step = int(time.time()) // 30
    near = {pyotp.TOTP(secret).generate_otp(step + offset) for offset in range(-3, 4)}
    return next(code for code in ("000000", "111111", "222222", "333333") if code not in near)


async def enrol(api: Api, user: User) -> str:
    answer = await api.client.post(f"/users/{user.username}/mfa")
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert data["uri"].startswith("otpauth://totp/")
    assert data["secret"] in data["uri"]
    return str(data["secret"])


async def confirm(api: Api, user: User, code: object) -> httpx.Response:
    return await api.client.post(f"/users/{user.username}/mfa/confirm", json={"code": code})


async def login(api: Api, user: User, **body: Any) -> httpx.Response:
    whole = {"username": user.username, "password": PASSWORD} | body
    return await api.client.post("/auth/login", json=whole)


async def turned_on(api: Api) -> tuple[User, str, str]:
    """A user with a second factor, its secret, and a code that was not used yet."""
    user = await api.user("viewer")
    secret = await enrol(api, user)
    now, following = codes(secret)
    answer = await confirm(api, user, now)
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["mfa_enabled"] is True
    return user, secret, following


async def test_a_second_factor_counts_once_it_is_confirmed(api: Api) -> None:
    user = await api.user("viewer")
    assert (await confirm(api, user, "123456")).status_code == 409
    first = await enrol(api, user)
    assert (await login(api, user)).status_code == 200, "it was begun, and no more"
    second = await enrol(api, user)
    for wrong in (wrong_code(second), codes(first)[0], ""):
        refused = await confirm(api, user, wrong)
        assert refused.status_code == 422
        assert refused.json()["error"].startswith("code: ")
    assert (await login(api, user)).status_code == 200
    now, following = codes(second)
    assert (await confirm(api, user, now)).status_code == 200
    assert (await confirm(api, user, following)).status_code == 409
    assert (await login(api, user)).status_code == 401
    assert (await login(api, user, mfa_code=now)).status_code == 401, "the confirmation used it up"
    assert (await login(api, user, mfa_code=following)).status_code == 200


async def test_every_refusal_reads_the_same(api: Api) -> None:
    user, secret, code = await turned_on(api)
    refusals = [
        await login(api, user),
        await login(api, user, mfa_code=wrong_code(secret)),
        await login(api, user, mfa_code="not a number"),
        await login(api, user, password="wrong", mfa_code=code),
        await login(api, user, username="nobody-at-all", mfa_code=code),
    ]
    assert {answer.status_code for answer in refusals} == {401}
    assert len({answer.json()["error"] for answer in refusals}) == 1
    assert "mfa_code" in refusals[0].json()["error"]
    assert (await login(api, user, mfa_code=code)).status_code == 200, "a wrong password uses up no code"


async def test_a_code_works_once_over_all_processes(api: Api, other_api: Api) -> None:
    user, _, code = await turned_on(api)
    together = [login((api, other_api)[number % 2], user, mfa_code=code) for number in range(6)]
    answers = [answer.status_code for answer in await asyncio.gather(*together)]
    assert sorted(answers) == [200] + [401] * 5
    assert (await login(other_api, user, mfa_code=code)).status_code == 401


async def test_turning_it_on_or_off_ends_what_was_logged_in_before(api: Api) -> None:
    user = await api.user("viewer")

    async def holds(token: str) -> bool:
        async with api.anonymous() as client:
            answer = await client.get("/tasks", headers={"Authorization": f"Bearer {token}"})
        return answer.status_code == 200

    async def stops(token: str) -> None:
        async def is_void() -> bool:
            return not await holds(token)

        await eventually(is_void)

    before = await api.token(user.username)
    now, following = codes(await enrol(api, user))
    assert await holds(before)
    assert (await confirm(api, user, now)).status_code == 200
    await stops(before)
    with_code = (await login(api, user, mfa_code=following)).json()["data"]["token"]
    off = await api.client.delete(f"/users/{user.username}/mfa")
    assert off.json()["data"]["mfa_enabled"] is False
    await stops(with_code)
    without = await api.token(user.username)
    assert (await api.client.delete(f"/users/{user.username}/mfa")).status_code == 200
    await asyncio.sleep(1)  # longer than anything is taken from memory
    assert await holds(without), "nothing was turned off the second time"


async def test_no_secret_is_readable_in_the_database(api: Api, mongodb: EmbeddedMongo) -> None:
    user, secret, _ = await turned_on(api)
    pending = await enrol(api, user)
    with pymongo.MongoClient[dict[str, Any]](mongodb.uri) as client:
        document = client[api.settings.mongodb_database]["users"].find_one({"_id": user.id})
    assert document is not None
    assert document["mfa_secret"] and document["mfa_candidate"]
    for known in (secret, pending, PASSWORD):
        assert known not in str(document)


async def test_a_secret_that_cannot_be_opened_tells_nothing_of_the_password(
    api: Api, mongodb: EmbeddedMongo, caplog: pytest.LogCaptureFixture
) -> None:
    user, _, code = await turned_on(api)
    with pymongo.MongoClient[dict[str, Any]](mongodb.uri) as client:
        users = client[api.settings.mongodb_database]["users"]
        users.update_one({"_id": user.id}, {"$set": {"mfa_secret": "sealed with a key that was lost"}})
    right, wrong = await login(api, user, mfa_code=code), await login(api, user, password="wrong")
    assert right.status_code == wrong.status_code == 401
    assert right.json()["error"] == wrong.json()["error"]
    assert "cannot be opened" in caplog.text
