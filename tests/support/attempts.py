"""Failed logins in memory, for tests of the arithmetic alone."""

from datetime import datetime, timedelta


class MemoryAttempts:
    """Implements `LoginAttemptStore`."""

    def __init__(self) -> None:
        self._attempts: dict[str, dict[str, datetime]] = {}

    async def reserve(
        self, key: str, attempt_id: str, at: datetime, window: timedelta, limit: int
    ) -> datetime | None:
        known = self._attempts.setdefault(key, {})
        for old in [name for name, when in known.items() if when <= at - window]:
            del known[old]
        if len(known) >= limit:
            return min(known.values())
        known[attempt_id] = at
        return None

    async def withdraw(self, key: str, attempt_id: str) -> None:
        self._attempts.get(key, {}).pop(attempt_id, None)
