"""Tokens: only what we issued, whole and in its time, says who somebody is."""

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jose import jwt

from api.security.keyring import Keyring
from api.security.tokens import ALGORITHM, AUDIENCE, ISSUER, Tokens

SECRET = "s" * 40
KEYS = Keyring(lambda: [SECRET])
TOKENS = Tokens(KEYS, lifetime=60, session_lifetime=600)


def user_of(token: str) -> str | None:
    read = TOKENS.read(token)
    return read.user_id if read else None


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    whole = {"iss": ISSUER, "aud": AUDIENCE, "sub": "me", "iat": now, "exp": now + 60, "jti": "1"}
    whole |= {"ver": 0, "auth_time": now}
    return {name: value for name, value in (whole | changes).items() if value is not None}


def signed(secret: str = SECRET, algorithm: str = ALGORITHM, **changes: Any) -> str:
    return jwt.encode(claims(**changes), secret, algorithm=algorithm, headers={"kid": KEYS.signing.id})


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_token_of_ours_says_whose_it_is() -> None:
    issued = TOKENS.issue("me", 0)
    assert user_of(issued.token) == "me"
    assert 50 < issued.expires_at.timestamp() - time.time() <= 60
    assert user_of(signed()) == "me"


def test_two_tokens_of_one_second_differ() -> None:
    assert TOKENS.issue("me", 0).token != TOKENS.issue("me", 0).token


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "iat", "exp", "jti", "ver", "auth_time"])
def test_every_claim_is_required(claim: str) -> None:
    assert user_of(signed(SECRET, ALGORITHM, **{claim: None})) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody"},
        {"iss": [ISSUER, "somebody"]},
        {"aud": "another-api"},
        {"aud": ["another-api", AUDIENCE]},
        {"exp": 1},
        {"exp": "later"},
        {"iat": 4_000_000_000},
        {"iat": int(time.time()) + 86_400},  # since the tests were collected, an hour may have passed
        {"iat": "now"},
        {"nbf": 4_000_000_000},
        {"sub": 5},
        {"sub": ["me"]},
        {"jti": 5},
    ],
)
def test_claims_that_do_not_hold(changes: dict[str, Any]) -> None:
    assert user_of(signed(**changes)) is None


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_with_the_right_secret_is_refused(algorithm: str) -> None:
    assert user_of(signed(algorithm=algorithm)) is None


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "nOnE", "RS256", "ES256", "", None, 5, ["HS256"]]
)
def test_an_algorithm_of_the_senders_choice_is_refused(algorithm: object) -> None:
    whole = signed()
    signature = whole.rpartition(".")[2]
    header = part({"alg": algorithm, "typ": "JWT", "kid": KEYS.signing.id})
    for end in ("", signature):
        assert user_of(f"{header}.{part(claims())}.{end}") is None


def test_another_secret_is_refused() -> None:
    assert user_of(signed(secret="t" * 40)) is None


def test_changed_claims_are_refused() -> None:
    header, _, signature = signed().split(".")
    assert user_of(f"{header}.{part(claims(sub='root'))}.{signature}") is None


def test_a_payload_that_is_no_object_is_refused() -> None:
    from jose import jws

    for payload in (b"5", b"[]", b'"me"', b"null", b"\xff", b""):
        assert (
            user_of(jws.sign(payload, SECRET, algorithm=ALGORITHM, headers={"kid": KEYS.signing.id})) is None
        )


@given(st.text(max_size=200))
@example("a.b.c")
@example("...")
@example("e30.e30.e30")
@example("bnVsbA.bnVsbA.bnVsbA")
@example("W10.W10.W10")
@example("\ud800.a.b")
def test_any_text_is_refused_and_breaks_nothing(text: str) -> None:
    assert user_of(text) is None


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c))
)
def test_any_header_is_refused_and_breaks_nothing(header: object) -> None:
    signature = signed().rpartition(".")[2]
    assert user_of(f"{part(header)}.{part(claims())}.{signature}") is None


def test_a_session_ends_however_often_it_is_refreshed() -> None:
    begun = datetime.now(UTC) - timedelta(seconds=570)
    issued = TOKENS.issue("me", 0, logged_in_at=begun)
    assert issued.expires_at <= begun + timedelta(seconds=600)
    with pytest.raises(ValueError, match="ended"):
        TOKENS.issue("me", 0, logged_in_at=begun - timedelta(seconds=30))
