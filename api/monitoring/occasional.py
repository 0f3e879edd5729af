"""A check that costs something elsewhere, so that it is made seldom."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from api.monitoring.health import Finding, Status

KEPT = 60.0
"""Seconds for which a healthy finding is given again: each look is a call that somebody else counts."""
KEPT_BAD = 10.0
"""The same for any other finding: whoever has mended it wants to see so."""


class Occasional:
    """Gives a finding again for a while. Whoever asks while a look runs waits for the same look.

    A look that outlasts its asker's patience goes on, and its finding is there for the next one.
    """

    def __init__(
        self, check: Callable[[], Awaitable[Finding]], *, kept: float = KEPT, kept_bad: float = KEPT_BAD
    ) -> None:
        self._check = check
        self._kept = kept
        self._kept_bad = kept_bad
        self._last: Finding | None = None
        self._fresh_until = 0.0
        self._looking: asyncio.Task[Finding] | None = None

    async def find(self) -> Finding:
        """Raises what the check raises."""
        if self._last is not None and time.monotonic() < self._fresh_until:
            return self._last
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(self._looking)

    async def _look(self) -> Finding:
        finding = await self._check()
        kept = self._kept if finding.status is Status.HEALTHY else self._kept_bad
        self._last, self._fresh_until = finding, time.monotonic() + kept
        return finding
