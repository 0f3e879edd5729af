"""`provisioning` on a terminal: questions, tables and QR codes."""

import re
import time
from uuid import uuid4

import pyotp
import segno

from tests.support.api import PASSWORD
from tests.support.command_line import CommandLine, add


async def test_a_terminal_hides_the_password_and_shows_a_table(logged_out: CommandLine, api_url: str) -> None:
    terminal = await logged_out.on_terminal("login", "--server", api_url)
    await terminal.until("Username: ")
    await terminal.type("admin")
    await terminal.until("Password: ")
    await terminal.type(PASSWORD)
    assert await terminal.end() == 0, terminal.shown
    assert PASSWORD not in terminal.shown
    assert "expires at" in terminal.shown

    name = f"u-{uuid4().hex[:8]}"
    terminal = await logged_out.on_terminal("users", "add", name, "--role", "viewer")
    for question in ("New password: ", "Once more: "):
        await terminal.until(question)
        await terminal.type(PASSWORD)
    assert await terminal.end() == 0, terminal.shown
    assert PASSWORD not in terminal.shown

    terminal = await logged_out.on_terminal("users", "list")
    assert await terminal.end() == 0
    assert "\x1b[1m" in terminal.shown
    assert name in terminal.shown
    terminal = await logged_out.on_terminal("users", "list", NO_COLOR="1")
    assert await terminal.end() == 0
    assert "\x1b[3" not in terminal.shown


def modules(shown: str) -> list[list[int]]:
    """The QR code in what a terminal got, as 1 for black and 0 for white. Other colours raise."""
    rows = []
    for line in shown.splitlines():
        # Neighbours of the same colours share one escape sequence.
        runs = re.findall(r"\x1b\[38;5;(\d+);48;5;(\d+)m(▀+)", line)
        if runs:
            for half in (0, 1):
                rows.append([module for run in runs for module in [_MODULE[run[half]]] * len(run[2])])
    return rows


_MODULE = {"16": 1, "231": 0}


async def test_a_terminal_shows_the_qr_code_and_asks_for_codes(admin: CommandLine, api_url: str) -> None:
    name = await add(admin, "viewer")
    terminal = await admin.on_terminal("users", "enable-mfa", name)
    await terminal.until("Code that it shows: ")
    uri = terminal.shown.partition("uri:    ")[2].split()[0]
    expected = [list(row) for row in segno.make_qr(uri, error="l").matrix_iter(border=4)]
    assert modules(terminal.shown)[: len(expected)] == expected
    secret = terminal.shown.partition("secret: ")[2].split()[0]
    step, totp = int(time.time()) // 30, pyotp.TOTP(secret)
    await terminal.type(totp.generate_otp(step))
    assert await terminal.end() == 0, terminal.shown
    assert "mfa enabled" in terminal.shown

    terminal = await admin.on_terminal(
        "login", "--server", api_url, "--username", name, "--profile", "theirs"
    )
    await terminal.until("Password: ")
    await terminal.type(PASSWORD)
    await terminal.until("MFA code")
    # The next one, or one for which it is time by now.
    await terminal.type(totp.generate_otp(max(step + 1, int(time.time()) // 30)))
    assert await terminal.end() == 0, terminal.shown
    assert (await admin.run("whoami", "--profile", "theirs", "--json")).json()["username"] == name

    terminal = await admin.on_terminal(
        "login", "--server", api_url, "--username", name, "--profile", "theirs"
    )
    await terminal.until("Password: ")
    await terminal.type("not the password")
    await terminal.until("MFA code")
    await terminal.type("")
    assert await terminal.end() == 4, terminal.shown
