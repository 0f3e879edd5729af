"""Failed logins are limited, for a user at an address and for an address, and only for a while."""

from datetime import UTC, datetime, timedelta

import pytest

from api.errors import TooManyAttempts
from api.security.attempts import MAX_PER_ADDRESS, MAX_PER_USER, LoginAttempts
from tests.support.attempts import MemoryAttempts

WINDOW = timedelta(seconds=60)


class Clock:
    now = datetime(2026, 1, 2, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> LoginAttempts:
    return LoginAttempts(MemoryAttempts(), WINDOW, clock)


async def fail(attempts: LoginAttempts, times: int, username: str = "eve", address: str = "10.0.0.1") -> None:
    for _ in range(times):
        await attempts.begin(username, address)


async def test_the_limit_of_a_user_is_told_with_its_end(attempts: LoginAttempts, clock: Clock) -> None:
    await fail(attempts, MAX_PER_USER)
    clock.now += timedelta(seconds=20)
    with pytest.raises(TooManyAttempts) as refused:
        await attempts.begin("eve", "10.0.0.1")
    assert refused.value.seconds == 40


async def test_it_ends(attempts: LoginAttempts, clock: Clock) -> None:
    await fail(attempts, MAX_PER_USER)
    clock.now += WINDOW
    await attempts.begin("eve", "10.0.0.1")


async def test_it_ends_one_by_one(attempts: LoginAttempts, clock: Clock) -> None:
    await fail(attempts, 1)
    clock.now += timedelta(seconds=30)
    await fail(attempts, MAX_PER_USER - 1)
    clock.now += timedelta(seconds=30)
    await fail(attempts, 1)
    with pytest.raises(TooManyAttempts) as refused:
        await attempts.begin("eve", "10.0.0.1")
    assert refused.value.seconds == 30


async def test_nobody_can_lock_somebody_else_out_from_another_address(attempts: LoginAttempts) -> None:
    await fail(attempts, MAX_PER_USER)
    await attempts.begin("eve", "10.0.0.2")
    await attempts.begin("adam", "10.0.0.1")


async def test_an_address_that_tries_many_names_is_limited_too(attempts: LoginAttempts) -> None:
    for number in range(MAX_PER_ADDRESS):
        await fail(attempts, 1, username=f"user-{number}")
    with pytest.raises(TooManyAttempts):
        await attempts.begin("somebody", "10.0.0.1")
    await attempts.begin("somebody", "10.0.0.2")


async def test_a_success_takes_itself_back_and_nothing_else(attempts: LoginAttempts) -> None:
    await fail(attempts, MAX_PER_USER - 1)
    for _ in range(3):
        await attempts.succeeded(await attempts.begin("eve", "10.0.0.1"))
    await fail(attempts, 1)
    with pytest.raises(TooManyAttempts):
        await attempts.begin("eve", "10.0.0.1")


async def test_what_is_refused_for_the_user_does_not_count_for_the_address(attempts: LoginAttempts) -> None:
    await fail(attempts, MAX_PER_USER)
    for _ in range(MAX_PER_ADDRESS):
        with pytest.raises(TooManyAttempts):
            await attempts.begin("eve", "10.0.0.1")
    await attempts.begin("adam", "10.0.0.1")


async def test_what_is_refused_for_the_address_does_not_count_for_the_user(
    attempts: LoginAttempts, clock: Clock
) -> None:
    for number in range(MAX_PER_ADDRESS):
        await fail(attempts, 1, username=f"user-{number}")
    clock.now += WINDOW / 2
    for _ in range(MAX_PER_USER):
        with pytest.raises(TooManyAttempts):
            await attempts.begin("eve", "10.0.0.1")
    clock.now += WINDOW / 2
    await attempts.begin("eve", "10.0.0.1")


async def test_of_ipv6_a_network_counts_as_one_address(attempts: LoginAttempts) -> None:
    for number in range(MAX_PER_USER):
        await fail(attempts, 1, address=f"2001:db8:1:2::{number:x}")
    await fail(attempts, 1, address="2001:db8:1:3::1")
    with pytest.raises(TooManyAttempts):
        await attempts.begin("eve", "2001:db8:1:2:ffff::1")


async def test_an_ipv4_address_is_one_however_it_is_written(attempts: LoginAttempts) -> None:
    await fail(attempts, MAX_PER_USER)
    await fail(attempts, 1, address="10.0.0.2")
    with pytest.raises(TooManyAttempts):
        await attempts.begin("eve", "::ffff:10.0.0.1")
