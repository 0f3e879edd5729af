"""Whether a worker lives and polls."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from activities.monitoring_ports import Sighting, WorkerRegistry
from api.monitoring.health import HEALTHY, Finding, Status
from workflows.domain.errors import Unavailable

T = TypeVar("T")

SILENT_AFTER = 20.0
"""Seconds without a beat after which a worker has fallen silent: four beats."""
START_GRACE = 15.0
"""Seconds after our own start in which it is no verdict that no worker has entered yet."""
RETURN_GRACE = 10.0
"""The same after the registry was away: the workers' next beats are on their way."""
_SOURCE_SECONDS = 2.0


class Polls(Protocol):
    async def are_there(self) -> bool:
        """Whether anybody polls. Raises Unavailable where that cannot be told."""


class WorkerCheck:
    """Holds what the workers say of themselves against what Temporal says of its pollers."""

    def __init__(
        self,
        registry: WorkerRegistry,
        pollers: Polls,
        task_queue: str,
        *,
        silent_after: float = SILENT_AFTER,
        grace: float = START_GRACE,
    ) -> None:
        self._registry = registry
        self._pollers = pollers
        self._task_queue = task_queue
        self._silent_after = silent_after
        self._trusted_from = time.monotonic() + grace
        self.surely_none = False
        """Whether the last look found that no worker polls, and could be sure of it."""

    async def find(self) -> Finding:
        """Critical where no worker polls, a warning where one of several fell silent."""
        sightings, polled = await asyncio.gather(
            _known(lambda: self._registry.workers(self._task_queue)), _known(self._pollers.are_there)
        )
        now = time.monotonic()
        if sightings is None:
            self._trusted_from = max(self._trusted_from, now + RETURN_GRACE)
        finding = self._judge(sightings, polled, trusted=now >= self._trusted_from)
        sure = sightings is not None and now >= self._trusted_from
        self.surely_none = sure and finding.status is Status.CRITICAL
        return finding

    def _judge(self, sightings: Sequence[Sighting] | None, polled: bool | None, *, trusted: bool) -> Finding:
        if sightings is None and polled is None:
            return Finding(Status.CRITICAL, "neither MongoDB nor Temporal can tell whether a worker polls")
        silent = [s.silent_for for s in sightings or () if s.silent_for >= self._silent_after]
        alive = len(sightings or ()) - len(silent)
        if not alive:
            # Without the registry's word, or too early for it, the pollers alone decide.
            return HEALTHY if polled and not trusted else Finding(Status.CRITICAL, _nobody(silent))
        if polled is False:
            return Finding(Status.CRITICAL, f"{_workers(alive)} alive, and none polls the task queue")
        if silent:
            return Finding(
                Status.WARNING, f"{len(silent)} of {_workers(alive + len(silent))} {_fell(silent)}"
            )
        return HEALTHY


def _nobody(silent: list[float]) -> str:
    none = "no worker polls the task queue"
    return f"{none}; the last {_fell([min(silent)])}" if silent else none


def _fell(silent: list[float]) -> str:
    return f"fell silent {min(silent):.0f} s ago"


def _workers(number: int) -> str:
    return f"{number} worker{'' if number == 1 else 's'}"


async def _known(ask: Callable[[], Awaitable[T]]) -> T | None:
    """None where the source is away or late. Asks from within: who is cancelled before has asked nothing."""
    try:
        return await asyncio.wait_for(ask(), _SOURCE_SECONDS)
    except (Unavailable, TimeoutError):
        return None
