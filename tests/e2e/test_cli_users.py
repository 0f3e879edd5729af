"""`provisioning` against a real API: logging in, administering users, and what scripts get."""

import stat
import time
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pyotp

from activities.presence import presence
from deploy.local.ports import free_port
from tests.e2e.test_api_batches import working
from tests.support.api import PASSWORD, Api
from tests.support.command_line import CommandLine, add, log_in
from tests.support.stack import eventually

OTHER_PASSWORD = "a whole other sentence"


async def test_a_login_is_kept_for_its_owner_alone(logged_out: CommandLine, api_url: str) -> None:
    answer = await log_in(logged_out, api_url)
    assert (answer["username"], answer["roles"], answer["server"]) == ("admin", ["admin"], api_url)
    assert "token" not in answer
    kept = logged_out.profiles / "default.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(logged_out.profiles.stat().st_mode) == 0o700
    assert PASSWORD not in kept.read_text()
    who = await logged_out.run("whoami")
    assert who.out.splitlines()[:3] == ["username\tadmin", "roles\tadmin", f"server\t{api_url}"]


async def test_a_logout_voids_the_token_and_remembers_the_rest(admin: CommandLine, api: Api) -> None:
    token = admin.stored()["token"]["value"]
    assert (await admin.run("logout", "--json")).json() == {"profile": "default", "was_logged_in": True}
    async with api.anonymous() as client:
        answer = await client.get("/tasks", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert (await admin.run("whoami")).code == 4
    assert (await admin.run("logout", "--json")).json()["was_logged_in"] is False
    again = await admin.run("login", "--password-stdin", stdin=PASSWORD)
    assert again.code == 0, again


async def test_profiles_are_apart(admin: CommandLine, api_url: str) -> None:
    name = await add(admin, "viewer")
    await log_in(admin, api_url, name, "--profile", "other")
    assert (await admin.run("whoami", "--json")).json()["username"] == "admin"
    assert (await admin.run("whoami", "--profile", "other", "--json")).json()["username"] == name


async def test_exit_codes_tell_what_went_wrong(admin: CommandLine, logged_out: CommandLine) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    viewer = await add(admin, "viewer")
    profile = ("--profile", "nobody")
    cases = {
        ("users", "enable", "nobody-at-all"): (1, "there is no user 'nobody-at-all'"),
        ("users", "add", viewer, "--role", "viewer", "--password-stdin"): (1, viewer),
        ("users", "set-roles", viewer, "emperor"): (1, "roles"),
        ("users", "add", "someone", "--role", "viewer"): (2, "--password-stdin"),
        ("login", "--username", "admin"): (2, "--password-stdin"),
        ("login", "--password-stdin", "--server", "ftp://x"): (2, "no address of a server"),
        ("users", "add", "someone"): (2, "--role"),
        ("whoami", "--profile", "../x"): (2, "no name for a profile"),
        ("health", "--server", nowhere): (3, f"cannot reach {nowhere}"),
        ("users", "list", *profile): (4, "nobody is logged in"),
        ("login", "--username", "nobody-at-all", "--password-stdin"): (4, "wrong username"),
    }
    for arguments, (code, words) in cases.items():
        ended = await admin.run(*arguments, stdin=PASSWORD if "--password-stdin" in arguments else "")
        assert (ended.code, words in ended.err) == (code, True), (arguments, ended)
        assert ended.out == ""
        assert "Traceback" not in ended.err


async def test_health_tells_whether_the_service_can_do_its_job(admin: CommandLine, api: Api) -> None:
    async def ends_with(code: int) -> bool:
        return (await admin.run("health")).code == code

    async def misses_a_worker() -> bool:
        unable = await admin.run("health")
        return (unable.code, unable.out) == (3, "") and "no worker polls the task queue" in unable.err

    await eventually(misses_a_worker)  # some seconds after the start, until which nobody can be sure
    async with presence(api.services.stores.workers, api.settings.task_queue), working(api):
        await eventually(lambda: ends_with(0))
        assert (await admin.run("health", "--json")).json()["health"] == "Orchestrator is healthy"


async def test_a_user_without_the_role_is_refused(admin: CommandLine, api_url: str) -> None:
    viewer = await add(admin, "viewer")
    await log_in(admin, api_url, viewer, "--profile", "viewer")
    refused = await admin.run("users", "list", "--profile", "viewer")
    assert (refused.code, refused.err) == (1, "error: this needs the role admin\n")


async def test_the_life_of_a_user(admin: CommandLine, api_url: str) -> None:
    name = f"u-{uuid4().hex[:8]}"
    options = ("--role", "viewer", "--role", "operator", "--email", "a@b.example")
    user = (
        await admin.run("users", "add", name, *options, "--password-stdin", "--json", stdin=f"{PASSWORD}\n")
    ).json()
    assert (user["username"], user["roles"], user["email"]) == (name, ["viewer", "operator"], "a@b.example")

    listed = await admin.run("users", "list")
    assert f"{name}\ta@b.example\tviewer,operator\tno\tno\t{user['created_at']}" in listed.out.splitlines()
    assert user in (await admin.run("users", "list", "--json")).json()

    await log_in(admin, api_url, name, "--profile", "theirs")
    assert (await admin.run("users", "set-roles", name, "viewer", "--json")).json()["roles"] == ["viewer"]
    assert (await admin.run("users", "disable", name, "--json")).json()["disabled"] is True
    login = ("login", "--server", api_url, "--username", name, "--password-stdin", "--profile", "theirs")
    assert (await admin.run(*login, stdin=PASSWORD)).code == 4
    assert (await admin.run("users", "enable", name, "--json")).json()["disabled"] is False
    assert (await admin.run(*login, stdin=PASSWORD)).code == 0

    changed = await admin.run("users", "set-password", name, "--password-stdin", stdin=OTHER_PASSWORD)
    assert changed.code == 0, changed
    assert (await admin.run("whoami", "--profile", "theirs")).code == 4
    assert (await admin.run(*login, stdin=PASSWORD)).code == 4
    assert (await admin.run(*login, stdin=f"{OTHER_PASSWORD}\n")).code == 0


async def test_a_script_enrols_in_two_steps(admin: CommandLine, api_url: str) -> None:
    name = await add(admin, "viewer")
    begun = (await admin.run("users", "enable-mfa", name, "--json")).json()
    assert parse_qs(urlsplit(begun["uri"]).query)["secret"] == [begun["secret"]]
    totp = pyotp.TOTP(begun["secret"])
    wrong = await admin.run("users", "enable-mfa", name, "--code", "000")
    assert (wrong.code, "code: " in wrong.err) == (1, True)
    step = int(time.time()) // 30
    code = totp.generate_otp(step)
    enabled = await admin.run("users", "enable-mfa", name, "--code", f"{code[:3]} {code[3:]}", "--json")
    assert enabled.json()["mfa_enabled"] is True

    login = ("login", "--server", api_url, "--username", name, "--password-stdin", "--profile", "theirs")
    assert (await admin.run(*login, stdin=PASSWORD)).code == 4
    # A code works once, so it is the next one's turn, or that of one for which it is time by now.
    following = totp.generate_otp(max(step + 1, int(time.time()) // 30))
    with_code = await admin.run(*login, "--mfa-code", following, stdin=PASSWORD)
    assert with_code.code == 0, with_code
    assert (await admin.run("users", "disable-mfa", name, "--json")).json()["mfa_enabled"] is False
    assert (await admin.run(*login, stdin=PASSWORD)).code == 0


async def test_whoever_ends_the_own_login_is_told(admin: CommandLine, api_url: str) -> None:
    name = await add(admin, "admin")
    await log_in(admin, api_url, name, "--profile", "own")
    own = ("--profile", "own")
    changed = await admin.run("users", "set-password", name, "--password-stdin", *own, stdin=OTHER_PASSWORD)
    assert (changed.code, "log in again" in changed.err) == (0, True)
    assert (await admin.run("users", "list", *own)).code == 4
