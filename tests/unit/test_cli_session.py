"""Calls in the name of a profile, which others may write meanwhile."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from api.cli import session
from api.cli.errors import NotLoggedIn
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
