"""How long things may take at UpCloud, and how often we look."""

import asyncio
import time
from typing import NamedTuple

from workflows.domain.errors import Unavailable


class Pace(NamedTuple):
    """All in seconds."""

    settle: float = 3.0
    """From when a server was first seen until none can turn up any more that was ordered before it: UpCloud
    counts in whole seconds, and its clocks may differ. Also longer than any of its calls usually takes."""
    soft_stop: float = 30.0
    """That a server has to shut down by itself; then its plug is pulled."""
    patience: float = 600.0
    """For a server to start, to answer on its SSH port, or to stop."""
    first_look: float = 0.2
    longest_pause: float = 5.0
    """Between two looks."""


class Patience:
    """Pauses between looks that grow longer, until it is used up."""

    def __init__(self, pace: Pace, failing: str) -> None:
        """`failing` says what does not happen, for the error."""
        self._pace = pace
        self._failing = failing
        self._next = pace.first_look
        self._end = time.monotonic() + pace.patience

    async def pause(self, obstacle: str) -> None:
        """Raises Unavailable, with the obstacle in its text, where there is no patience left."""
        if time.monotonic() + self._next > self._end:
            raise Unavailable(f"{self._failing} for {self._pace.patience:.0f} seconds: {obstacle}")
        await asyncio.sleep(self._next)
        self._next = min(self._next * 1.5, self._pace.longest_pause)
