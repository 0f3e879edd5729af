"""Tokens over HTTP: which hold, how they are exchanged, and when they stop, in every API process."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from jose import jwt
from temporalio.client import Client

from activities.ports import User
from api.security.keyring import key_file, rotate
from tests.support.api import PASSWORD, Api, api_settings, running_api
from tests.support.mongodb import EmbeddedMongo
from tests.support.stack import eventually


async def status(api: Api, token: str) -> int:
    async with api.anonymous() as client:
        return (await client.get("/tasks", headers={"Authorization": f"Bearer {token}"})).status_code


async def refresh(api: Api, bearer: str, token: object) -> httpx.Response:
    async with api.anonymous() as client:
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return await client.post("/auth/refresh", headers=headers, json={"token": token})


async def stops(api: Api, token: str) -> None:
    async def is_void() -> bool:
        return await status(api, token) == 401

    await eventually(is_void)


def forged(token: str, secret: str, algorithm: str = "HS256", **changes: Any) -> str:
    """The token with other claims, signed as given, under the name of the real key."""
    headers = {"kid": jwt.get_unverified_header(token)["kid"]}
    claims = jwt.get_unverified_claims(token) | changes
    return str(jwt.encode(claims, secret, algorithm=algorithm, headers=headers))


@pytest.mark.parametrize(
    "kind", ["unsigned", "algorithm", "key", "role", "subject", "expired", "future", "version", "unnamed-key"]
)
async def test_a_forged_token_is_refused(api: Api, kind: str) -> None:
    admin = await api.token("admin")
    token = await api.token((await api.user("viewer")).username)
    secret = key_file(api.settings).read_text().split()[0]
    header, payload, signature = token.split(".")
    other_payload = {
        "role": forged(token, secret, roles=["admin"]).split(".")[1],
        "subject": admin.split(".")[1],
    }
    none = forged(token, secret).split(".")
    unsigned = jwt.get_unverified_header(token) | {"alg": "none"}
    none[0] = str(jwt.encode(unsigned, secret)).split(".")[1]  # whatever is encoded: here a header
    forgeries = {
        "unsigned": f"{none[0]}.{none[1]}.",
        "algorithm": forged(token, secret, "HS512"),
        "key": forged(token, "another key that is long enough as well"),
        "role": f"{header}.{other_payload['role']}.{signature}",
        "subject": f"{header}.{other_payload['subject']}.{signature}",
        "expired": forged(token, secret, exp=int(time.time()) - 1),
        "future": forged(token, secret, iat=int(time.time()) + 600),
        "version": forged(token, secret, ver=1),
        "unnamed-key": str(jwt.encode(jwt.get_unverified_claims(token), secret)),
    }
    assert payload != forgeries[kind].split(".")[1] or kind in {"unsigned", "algorithm", "key", "unnamed-key"}
    assert await status(api, forgeries[kind]) == 401
    assert await status(api, forged(token, secret)) == 200, "what differs is what is refused"


async def test_a_token_is_exchanged_and_the_old_one_stops_everywhere(api: Api, other_api: Api) -> None:
    user = await api.user()
    old = await api.token(user.username)
    answer = await refresh(api, old, old)
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert data.keys() == {"token", "expires_at"}
    assert await status(api, old) == 401, "at once where it was exchanged"
    await stops(other_api, old)
    assert await status(other_api, data["token"]) == 403, "it holds, and this user has no role"
    before, after = (jwt.get_unverified_claims(token) for token in (old, data["token"]))
    assert before["auth_time"] == after["auth_time"]
    assert before["jti"] != after["jti"]


async def test_of_exchanges_at_once_exactly_one_succeeds(api: Api, other_api: Api) -> None:
    user = await api.user("viewer")
    bearer, token = [await api.token(user.username) for _ in range(2)]
    together = [refresh((api, other_api)[number % 2], bearer, token) for number in range(8)]
    answers = [answer.status_code for answer in await asyncio.gather(*together)]
    assert sorted(answers) == [200] + [401] * 7


async def test_what_cannot_be_exchanged(api: Api) -> None:
    user, somebody = await api.user("viewer"), await api.user("viewer")
    token, others = await api.token(user.username), await api.token(somebody.username)
    assert (await refresh(api, "", token)).status_code == 401
    for wrong in (others, "", "a.b.c", token + "x"):
        assert (await refresh(api, token, wrong)).status_code == 401
    assert await status(api, others) == 200, "nobody gives up the token of another"
    for unfit in (5, None, ["x"], "x" * 10_000):
        answer = await refresh(api, token, unfit)
        assert answer.status_code == 422
        assert answer.json()["error"].startswith("token: ")


async def change(api: Api, user: User, **changes: object) -> None:
    answer = await api.client.patch(f"/users/{user.username}", json=changes)
    assert answer.status_code == 200, answer.text


async def test_disabling_stops_a_token_everywhere_and_for_good(api: Api, other_api: Api) -> None:
    user = await api.user("viewer")
    token = await api.token(user.username)
    assert await status(api, token) == await status(other_api, token) == 200
    await change(api, user, disabled=True)
    for each in (api, other_api):
        await stops(each, token)
    await change(api, user, disabled=False)
    fresh = await api.token(user.username)
    await asyncio.sleep(1)  # longer than anything is taken from memory
    assert await status(other_api, fresh) == 200
    assert await status(other_api, token) == await status(api, token) == 401


async def test_a_new_password_stops_the_tokens_of_the_old_one(api: Api, other_api: Api) -> None:
    user = await api.user("viewer")
    token = await api.token(user.username)
    body = {"password": "another long password"}
    assert (await api.client.put(f"/users/{user.username}/password", json=body)).status_code == 200
    await stops(other_api, token)
    old = {"username": user.username, "password": PASSWORD}
    assert (await api.client.post("/auth/login", json=old)).status_code == 401
    assert await status(api, await other_api.token(user.username, body["password"])) == 200


async def test_a_rotation_of_the_secret_is_noticed_while_it_runs(api: Api, other_api: Api) -> None:
    user = await api.user("viewer")
    before = await api.token(user.username)
    rotate(key_file(api.settings))
    async with running_api(api.settings, api.temporal) as newest:
        after = await newest.token(user.username)
    assert jwt.get_unverified_header(before)["kid"] != jwt.get_unverified_header(after)["kid"]
    for each in (api, other_api):
        assert await status(each, after) == 200, "at once, though another process signed it"
        assert await status(each, before) == 200
    rotate(key_file(api.settings))
    for each in (api, other_api):
        await stops(each, before)
        assert await status(each, after) == 200
    for each in (api, other_api):  # for whoever comes after this test
        each.client.headers["Authorization"] = f"Bearer {await each.token('admin')}"


async def test_nobody_is_let_in_or_out_while_the_database_is_away(
    mortal_mongodb: EmbeddedMongo, temporal: Client, tmp_path: Path
) -> None:
    async with running_api(api_settings(tmp_path, mortal_mongodb, temporal), temporal) as api:
        token = await api.token("admin")
        await asyncio.to_thread(mortal_mongodb.kill)
        exchanged = await refresh(api, token, token)
        assert exchanged.status_code == 503
        assert int(exchanged.headers["retry-after"]) > 0
        await asyncio.to_thread(mortal_mongodb.start)

        async def is_exchanged() -> bool:
            return (await refresh(api, token, token)).status_code == 200

        await eventually(is_exchanged, within=60)
