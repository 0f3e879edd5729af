"""Failed logins are limited, for a user at an address and for an address, and only for a while."""

import pytest

from api.errors import TooManyAttempts
from api.security.attempts import MAX_PER_ADDRESS, MAX_PER_USER, WINDOW, LoginAttempts


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def fail(attempts: LoginAttempts, times: int, username: str = "eve", address: str = "10.0.0.1") -> None:
    for _ in range(times):
        attempts.require_room(username, address)
        attempts.failed(username, address)


def test_the_limit_of_a_user_is_told_with_its_end() -> None:
    clock = Clock()
    attempts = LoginAttempts(clock)
    fail(attempts, MAX_PER_USER)
    clock.now += 20
    with pytest.raises(TooManyAttempts) as refused:
        attempts.require_room("eve", "10.0.0.1")
    assert refused.value.seconds == WINDOW - 20


def test_it_ends() -> None:
    clock = Clock()
    attempts = LoginAttempts(clock)
    fail(attempts, MAX_PER_USER)
    clock.now += WINDOW
    attempts.require_room("eve", "10.0.0.1")


def test_nobody_can_lock_somebody_else_out_from_another_address() -> None:
    attempts = LoginAttempts(Clock())
    fail(attempts, MAX_PER_USER)
    attempts.require_room("eve", "10.0.0.2")
    attempts.require_room("adam", "10.0.0.1")


def test_an_address_that_tries_many_names_is_limited_too() -> None:
    attempts = LoginAttempts(Clock())
    for number in range(MAX_PER_ADDRESS):
        fail(attempts, 1, username=f"user-{number}")
    with pytest.raises(TooManyAttempts):
        attempts.require_room("somebody", "10.0.0.1")
    attempts.require_room("somebody", "10.0.0.2")
