"""Who did what, from where, and how it ended: over the API, and at the command line."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.e2e.test_api_batches import UNKNOWN, data, execute, operation
from tests.support.api import PASSWORD, Api
from tests.support.command_line import CommandLine

ENDS_OF_THE_CALENDAR = ("0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00")
"""Moments that there are not in UTC."""


async def entries(api: Api, **query: Any) -> list[dict[str, Any]]:
    """Newest first."""
    answer = await api.client.get("/audit", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


async def newest(api: Api, **query: Any) -> dict[str, Any]:
    return (await entries(api, limit=1, **query))[0]


async def test_what_is_changed_is_written_down_with_what_it_was_about(api: Api) -> None:
    user = await api.user("operator")
    async with api.anonymous() as client:
        client.headers["Authorization"] = f"Bearer {await api.token(user.username)}"
        body = {"name": "n", "operations": [operation("audited")]}
        answer = await client.post("/batch/execute", json=body, headers={"X-Request-ID": "the-request"})
        batch_id = answer.json()["data"]["batch_id"]
        await client.get("/tasks")
        refused = await client.post("/users", json={"username": "x", "password": PASSWORD, "roles": []})
        assert refused.status_code == 403
        unknown = await client.post(f"/batch/operations/{UNKNOWN}/cancel")
        assert unknown.status_code == 404
    told = await entries(api, user=user.username)
    assert [(one["method"], one["path"], one["status"], one["resources"]) for one in told] == [
        ("POST", "/batch/operations/{batchId}/cancel", 404, {"batchId": UNKNOWN}),
        ("POST", "/users", 403, {}),
        ("POST", "/batch/execute", 200, {"batch_id": batch_id}),
        ("POST", "/auth/login", 200, {}),
    ]
    executed = told[2]
    assert (executed["username"], executed["roles"]) == (user.username, ["operator"])
    assert executed["request_id"] == "the-request"
    assert executed["address"] == "127.0.0.1"
    assert abs(datetime.now(UTC) - datetime.fromisoformat(executed["at"])) < timedelta(minutes=10)


async def test_logins_that_are_refused_name_their_user_and_no_secret(api: Api) -> None:
    user = await api.user("viewer")
    typed = f"a-password-in-the-wrong-field-{uuid4().hex}"
    async with api.anonymous() as client:
        for name in (user.username, typed):
            wrong = {"username": name, "password": "a wrong password"}
            assert (await client.post("/auth/login", json=wrong)).status_code == 401
        assert (await client.post("/rollback/execute", json={})).status_code == 401
        assert (await client.get("/tasks")).status_code == 401
    told = await entries(api, limit=3)
    assert [(one["path"], one["status"], one.get("username")) for one in told] == [
        ("/rollback/execute", 401, None),
        ("/auth/login", 401, None),
        ("/auth/login", 401, user.username),
    ]
    kept = str([document async for document in _documents(api)])
    assert typed not in kept and "wrong password" not in kept and PASSWORD not in kept


def _documents(api: Api) -> Any:
    return api.services.stores._connection._database["audit"].find()


async def test_entries_are_found_by_time_path_and_page(api: Api) -> None:
    name = f"user-{uuid4()}"
    new = {"username": name, "password": PASSWORD, "roles": ["viewer"]}
    assert (await api.client.post("/users", json=new)).status_code == 200
    for disabled in (True, False):
        assert (await api.client.patch(f"/users/{name}", json={"disabled": disabled})).status_code == 200
    changed = await entries(api, path="/users/{username}", user="admin")
    assert [one["resources"] for one in changed[:2]] == [{"username": name}] * 2
    first, second = changed[1]["at"], changed[0]["at"]
    assert [one["at"] for one in await entries(api, since=first, until=second)] == [first]
    page = await api.client.get("/audit", params={"limit": 1, "since": first})
    assert int(page.headers["X-Total-Count"]) >= 2 and 'rel="next"' in page.headers["Link"]
    assert (await newest(api, offset=1, since=first))["at"] == first

    late = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    backwards = await api.client.get("/audit", params={"since": late, "until": first})
    assert (backwards.status_code, backwards.json()["error"]) == (422, "since: it is after until")
    assert await entries(api, since=late) == []
    for nonsense in ("yesterday", "0.5", "2026-01-31T12:00Z", *ENDS_OF_THE_CALENDAR):
        assert (await api.client.get("/audit", params={"since": nonsense})).status_code == 422
        assert (await api.client.get("/audit", params={"until": nonsense})).status_code == 422
    assert await entries(api, until="0001-01-01T00:00:00Z") == []
    assert await entries(api, since="9999-12-31T23:59:59Z") == []


async def test_what_only_reads_leaves_no_entry(api: Api) -> None:
    before = await entries(api, limit=1000)
    await data(api, "/tasks")
    await api.client.post("/codec/decode", json={"payloads": []})
    assert await entries(api, limit=1000) == before


async def test_at_the_command_line(admin: CommandLine, api: Api) -> None:
    batch_id = await execute(api, operation("at-the-command-line"))
    shown = await admin.run(
        "audit", "--user", "admin", "--path", "/batch/execute", "--since", "1h", "--limit", "1"
    )
    assert shown.code == 0, shown
    assert f"batch_id={batch_id}" in shown.out and "POST" in shown.out
    (row,) = (await admin.run("audit", "--path", "/batch/execute", "--limit", "1", "--json")).json()
    assert row["resources"] == {"batch_id": batch_id}
    for nonsense in ("yesterday", *ENDS_OF_THE_CALENDAR):
        wrong = await admin.inside("audit", "--since", nonsense)
        assert (wrong.code, f"--since: {nonsense!r} is no time" in wrong.err) == (2, True)
