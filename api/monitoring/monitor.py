"""Runs all checks side by side, and lets everybody who asks at about the same time share them."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from api.monitoring.health import Finding, Status, SystemHealth
from workflows.domain.errors import Unavailable

log = logging.getLogger(__name__)

DEADLINE = 2.5
"""Seconds that one check may take."""
_KEPT = 1.0
"""Seconds for which a result is given again."""


class Component(NamedTuple):
    """A part of the system, and what it means that its check raises Unavailable or is late."""

    name: str
    check: Callable[[], Awaitable[Finding]]
    failed: Status = Status.CRITICAL


class Monitor:
    """The health of the components."""

    def __init__(self, components: Sequence[Component], *, deadline: float = DEADLINE) -> None:
        self._components = components
        self._deadline = deadline
        self._last: SystemHealth | None = None
        self._fresh_until = 0.0
        self._looking: asyncio.Task[SystemHealth] | None = None
        self._defects: set[tuple[str, str]] = set()

    async def health(self) -> SystemHealth:
        """Never raises: a check that fails is a finding. About a second old at most."""
        if self._last is not None and time.monotonic() < self._fresh_until:
            return self._last
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        # Whoever asked first may go away; the others still want the answer.
        return await asyncio.shield(self._looking)

    async def close(self) -> None:
        """Gives up a look that is under way."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> SystemHealth:
        findings = await asyncio.gather(*(self._find(component) for component in self._components))
        names = [component.name for component in self._components]
        self._last = SystemHealth(dict(zip(names, findings, strict=True)), datetime.now(UTC))
        self._fresh_until = time.monotonic() + _KEPT
        return self._last

    async def _find(self, component: Component) -> Finding:
        try:
            async with asyncio.timeout(self._deadline):
                return await component.check()
        except TimeoutError:
            return Finding(component.failed, f"no answer within {self._deadline:g} s")
        except Unavailable as error:
            return Finding(component.failed, error.message)
        except Exception as error:
            self._report(component.name, error)
            return Finding(Status.CRITICAL, "the check itself failed; the service's log says why")

    def _report(self, name: str, error: Exception) -> None:
        """Once for each kind of error: the next look is seconds away."""
        defect = (name, type(error).__name__)
        if defect not in self._defects:
            self._defects.add(defect)
            log.error("the health check of %s failed", name, exc_info=error)
