"""Password hashes by argon2, computed away from the event loop."""

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_PARALLEL_HASHES = 4
"""Each takes 64 MiB for some 50 ms; more at once would let logins exhaust the memory."""


class Passwords:
    """Hashes and checks passwords."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._slots = asyncio.Semaphore(_PARALLEL_HASHES)
        # Somebody to check against where there is no such user, so that both take the same time.
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))

    async def hash(self, password: str) -> str:
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether the password is the right one; never, but as slowly, where there is no hash."""
        async with self._slots:
            fits = await asyncio.to_thread(self._verify, password, password_hash or self._nobody)
        return fits and password_hash is not None

    def _verify(self, password: str, password_hash: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
