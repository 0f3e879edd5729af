"""Calls in the name of a profile, which others may write meanwhile."""

import io
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from api.cli import __main__, session
from api.cli.client import Client, part_of_path
from api.cli.errors import NotLoggedIn, WrongUsage
from api.cli.output import print_line
from api.cli.profiles import Profile, Profiles, Token


def token(value: str) -> Token:
    now = datetime.now(UTC)
    return Token(value=value, received_at=now, expires_at=now + timedelta(hours=1))


def test_a_token_of_another_server_is_not_shown_to_the_one_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    profiles = Profiles(tmp_path)
    with profiles.locked("default"):
        profiles.write("default", Profile(server="http://one", username="me", token=token("of-one")))
    seen: list[tuple[str, str]] = []

    class Refusing:
        """Somebody logs in elsewhere, under the same profile, before its answer comes."""

        def __init__(self, server: str, value: str) -> None:
            seen.append((server, value))

        def __enter__(self) -> "Refusing":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def call(self, *_: object, **__: object) -> Any:
            profiles.write("default", Profile(server="http://two", username="me", token=token("of-two")))
            raise NotLoggedIn("no")

    monkeypatch.setattr(session, "Client", Refusing)
    with pytest.raises(NotLoggedIn, match="provisioning login"):
        session.Session(profiles, "default").call("GET", "/tasks")
    assert seen == [("http://one", "of-one")]
    used = session.Credentials("http://one", token("of-one"))
    with pytest.raises(NotLoggedIn):
        session.Session(profiles, "default").other_credentials(used)


def test_what_an_encoding_has_not_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="latin-1"))
    monkeypatch.setattr(__main__, "app", lambda **_: print_line("größer ✓"))
    assert __main__.main() == 0
    sys.stdout.flush()
    assert written.getvalue().decode("latin-1") == "größer ?\n"


@pytest.mark.parametrize("text", ["\udcff", "a\ud800"])
def test_what_is_no_text_is_wrong_usage(text: str) -> None:
    with pytest.raises(WrongUsage, match="UTF-8"):
        part_of_path(text)
    with Client("http://127.0.0.1:1") as client:
        with pytest.raises(WrongUsage, match="UTF-8"):
            client.call("POST", "/tasks", {"name": text})
        with pytest.raises(WrongUsage, match="UTF-8"):
            client.call("GET", "/locks", query={"infra": text})
