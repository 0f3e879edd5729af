"""The ports behind which it is kept who tries to log in, and which tokens are void."""

from datetime import datetime, timedelta
from typing import Protocol


class LoginAttemptStore(Protocol):
    """Logins that failed or are under way, as all API processes count them. Keys are opaque."""

    async def reserve(
        self, key: str, attempt_id: str, at: datetime, window: timedelta, limit: int
    ) -> datetime | None:
        """Takes one of `limit` places under `key`, until `window` has passed since `at`.

        None if there was one; otherwise when the oldest attempt was that takes a place.
        """

    async def withdraw(self, key: str, attempt_id: str) -> None:
        """Gives the place of this one attempt back."""


class RevokedTokenStore(Protocol):
    """Tokens that were given up before their time, by their id."""

    async def revoke(self, token_id: str, expires_at: datetime) -> bool:
        """False if it was revoked already: of several that try, exactly one succeeds."""

    async def is_revoked(self, token_id: str) -> bool: ...
