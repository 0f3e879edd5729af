"""Codes of the second factor: right for a minute and a half, and each only once."""

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.security.second_factor import STEP, new_secret, provisioning_uri, step_of

SECRET = new_secret()
NOW = 1_800_000_000.0
THIS_STEP = int(NOW) // STEP


def code(steps_from_now: int) -> str:
    return pyotp.TOTP(SECRET).generate_otp(THIS_STEP + steps_from_now)


@pytest.mark.parametrize(("offset", "fits"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_a_step_off(offset: int, fits: bool) -> None:
    expected = THIS_STEP + offset if fits else None
    assert step_of(SECRET, code(offset), after=0, clock=lambda: NOW) == expected


def test_a_code_is_used_up_with_all_before_it() -> None:
    assert step_of(SECRET, code(0), after=THIS_STEP, clock=lambda: NOW) is None
    assert step_of(SECRET, code(-1), after=THIS_STEP, clock=lambda: NOW) is None
    assert step_of(SECRET, code(1), after=THIS_STEP, clock=lambda: NOW) == THIS_STEP + 1


@given(st.text(max_size=80))
def test_any_text_is_refused_and_breaks_nothing(text: str) -> None:
    if text not in {code(-1), code(0), code(1)}:
        assert step_of(SECRET, text, after=0, clock=lambda: NOW) is None


def test_the_uri_is_what_an_authenticator_reads() -> None:
    parsed = pyotp.parse_uri(provisioning_uri(SECRET, "ada@example.org"))
    assert isinstance(parsed, pyotp.TOTP)
    assert (parsed.secret, parsed.name, parsed.issuer) == (SECRET, "ada@example.org", "Provisioning")
