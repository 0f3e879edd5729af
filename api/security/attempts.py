"""Limits failed logins, for each user at each address and for each address, over all API processes."""

import contextlib
import hashlib
import ipaddress
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import uuid4

from activities.login_ports import LoginAttemptStore
from api.errors import TooManyAttempts
from workflows.domain.errors import Unavailable

MAX_PER_USER = 10
MAX_PER_ADDRESS = 100


def _now() -> datetime:
    return datetime.now(UTC)


class Attempt(NamedTuple):
    """One login that was begun, and the two keys under which it counts."""

    id: str
    user_key: str
    address_key: str


class LoginAttempts:
    """Failures of the last `window`. Each login counts as one from its beginning, so that guesses that are
    made at once cannot pass together; one that succeeds takes itself back, and nothing else, so that guesses
    cannot hide behind it.
    """

    def __init__(
        self,
        store: LoginAttemptStore,
        window: timedelta,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._store = store
        self._window = window
        self._clock = clock

    async def begin(self, username: str, address: str) -> Attempt:
        """Raises:
        TooManyAttempts: the limit is reached; this attempt does not count then.
        Unavailable: the failures cannot be counted.
        """
        where = _place(address)
        attempt = Attempt(uuid4().hex, _key(username, where), _key(where))
        await self._reserve(attempt.user_key, attempt.id, MAX_PER_USER)
        try:
            await self._reserve(attempt.address_key, attempt.id, MAX_PER_ADDRESS)
        except TooManyAttempts:
            await self._store.withdraw(attempt.user_key, attempt.id)
            raise
        return attempt

    async def succeeded(self, attempt: Attempt) -> None:
        """Takes the attempt back. Where that does not work it counts as failed for a while, and no more."""
        with contextlib.suppress(Unavailable):
            await self._store.withdraw(attempt.user_key, attempt.id)
            await self._store.withdraw(attempt.address_key, attempt.id)

    async def _reserve(self, key: str, attempt_id: str, limit: int) -> None:
        now = self._clock()
        oldest = await self._store.reserve(key, attempt_id, now, self._window, limit)
        if oldest is not None:
            seconds = max(1, math.ceil((oldest + self._window - now).total_seconds()))
            raise TooManyAttempts(f"too many failed logins; try again in {seconds} seconds", seconds)


def _place(address: str) -> str:
    """Where a login comes from: of IPv6 whoever has one address has the 2**64 beside it, too."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if known.version == 4:
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((known.packed, 64), strict=False))


def _key(*parts: str) -> str:
    """A digest: people type passwords where the name belongs."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
