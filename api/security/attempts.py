"""Limits failed logins, for each user at each address and for each address as a whole.

Counted in this process alone: with several API processes, each allows its own share.
"""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable

from api.errors import TooManyAttempts

WINDOW = 60.0
"""Seconds in which failures are counted."""
MAX_PER_USER = 10
MAX_PER_ADDRESS = 100
_MAX_KEYS = 20_000


class LoginAttempts:
    """Failures of the last minute. A success takes nothing back, so that guesses cannot hide behind one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def require_room(self, username: str, address: str) -> None:
        """Raises TooManyAttempts where the limit is reached."""
        waits = [self._wait((username, address), MAX_PER_USER), self._wait(address, MAX_PER_ADDRESS)]
        seconds = math.ceil(max(waits))
        if seconds > 0:
            raise TooManyAttempts(f"too many failed logins; try again in {seconds} seconds", seconds)

    def failed(self, username: str, address: str) -> None:
        for key in ((username, address), address):
            self._failures.setdefault(key, deque()).append(self._clock())
            self._failures.move_to_end(key)
        while len(self._failures) > _MAX_KEYS:
            self._failures.popitem(last=False)

    def _wait(self, key: Hashable, limit: int) -> float:
        failures = self._failures.get(key)
        if failures is None:
            return 0.0
        now = self._clock()
        while failures and failures[0] <= now - WINDOW:
            failures.popleft()
        if not failures:
            del self._failures[key]
        return failures[0] + WINDOW - now if len(failures) >= limit else 0.0
