"""What the command line keeps of a login: tokens that are exchanged, followed, refused, and damaged."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.command_line import CommandLine, log_in


def make_old(command: CommandLine) -> str:
    """Lets the stored token be near its end, as its file says. Returns it."""
    profile = command.stored()
    now = datetime.now(UTC)
    profile["token"] |= {
        "received_at": (now - timedelta(hours=1)).isoformat(),
        "expires_at": (now + timedelta(minutes=4)).isoformat(),
    }
    command.store(profile)
    return str(profile["token"]["value"])


async def test_a_token_near_its_end_is_exchanged_once_by_many(admin: CommandLine) -> None:
    old = make_old(admin)
    ended = await asyncio.gather(*(admin.run("users", "list", "--json") for _ in range(6)))
    assert [each.code for each in ended] == [0] * 6, ended
    kept = admin.stored()["token"]
    assert kept["value"] != old
    assert datetime.fromisoformat(kept["expires_at"]) > datetime.now(UTC) + timedelta(minutes=30)
    assert (await admin.run("whoami")).code == 0
    assert {path.name for path in admin.profiles.iterdir()} == {"default.json", "default.lock"}


async def test_a_token_that_another_exchanged_meanwhile_is_followed(admin: CommandLine, api: Api) -> None:
    """One reads the old token, another exchanges it, and stores the new one while the first is refused."""
    before = admin.stored()
    old = before["token"]["value"]
    headers = {"Authorization": f"Bearer {old}"}
    async with api.anonymous() as client:
        renewed = (await client.post("/auth/refresh", json={"token": old}, headers=headers)).json()["data"]
    started: list[str] = []

    def store_when_asked(token: str) -> None:
        if token == old and not started:
            started.append(token)
            admin.store(before | {"token": before["token"] | {"value": renewed["token"]}})

    behind = api.services.accounts.behind

    async def watched(token: str) -> Any:
        store_when_asked(token)
        return await behind(token)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api.services.accounts, "behind", watched)
        listed = await admin.run("users", "list")
    assert (listed.code, started) == (0, [old]), listed


async def test_a_refused_exchange_leaves_the_token_to_its_own_end(admin: CommandLine) -> None:
    profile = admin.stored()
    profile["token"]["value"] = "not.a.token"
    admin.store(profile)
    make_old(admin)
    refused = await admin.run("users", "list")
    assert (refused.code, "provisioning login" in refused.err) == (4, True)
    assert admin.stored()["token"]["value"] == "not.a.token"
    assert "not.a.token" not in refused.err


async def test_a_damaged_profile_is_named_and_a_login_replaces_it(admin: CommandLine, api_url: str) -> None:
    secret = admin.stored()["token"]["value"]
    file = admin.profiles / "default.json"
    file.write_text(file.read_text()[:-20])
    damaged = await admin.run("whoami")
    assert (damaged.code, str(file) in damaged.err, secret in damaged.err) == (2, True, False)
    await log_in(admin, api_url)
    assert (await admin.run("whoami")).code == 0
