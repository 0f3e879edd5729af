"""The two system events, in the event log once, whatever the number of API processes.

Periodic ones have an id that follows from the time slot, so whoever comes second changes nothing. A change
of health is numbered: the process that first puts the new words behind the last announcement gives it its
number, and so its id. One that sees the same change later, or finds that the first died before it wrote the
event, writes it under the same id.

Processes may lastingly disagree, as when one machine's disk is full. So each announces what changed in its
own eyes, and never because another said otherwise.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from activities.monitoring_ports import Announced, Announcements
from activities.ports import EventLog
from api.monitoring.health import SystemHealth
from api.monitoring.metrics import SystemMetrics
from api.schemas import state_management as schemas
from workflows.domain.errors import Unavailable
from workflows.domain.events import Event, EventType
from workflows.domain.identity import record_id
from workflows.domain.resources import Params

HEALTH_EVERY = 60.0
METRICS_EVERY = 15.0

_OWNER = "system"
_ATTEMPTS = 5

Publish = Callable[[Event], None]
"""Hands an event to the clients of this process alone."""


class Announcer:
    """Announces health and metrics. While the event log is away, to this process's own clients."""

    def __init__(self, log: EventLog, announcements: Announcements, publish: Publish) -> None:
        self._log = log
        self._announcements = announcements
        self._publish = publish
        self._in_log: str | None = None
        """The words of health that we last saw safe in the log."""
        self._told: str | None = None
        """The words that our clients got past the log, and that the log's events have not replaced since."""

    async def health(self, health: SystemHealth) -> None:
        """Announces a change of any component's status; nothing else."""
        words = health.words
        if words == self._in_log and self._told is None:
            return
        try:
            announced = await self._number(words)
            event = _health_event(health, record_id(_OWNER, "health", announced.number))
            await self._log.append([event])
        except Unavailable:
            if words != self._told:
                self._publish(
                    _health_event(health, record_id(_OWNER, "health-unlogged", health.at.isoformat()))
                )
                self._told = words
            return
        if self._told not in (None, words):
            # The log may hold this event since before the outage; then it will not be delivered again.
            self._publish(event)
        self._in_log, self._told = words, None

    async def health_again(self, health: SystemHealth, slot: int) -> None:
        """Says how the system stands in this slot of time."""
        await self._deliver(_health_event(health, record_id(_OWNER, "health-slot", slot)))

    async def metrics(self, found: SystemMetrics, slot: int) -> None:
        data = schemas.SystemMetrics.of(found).model_dump(mode="json")
        await self._deliver(
            _event(record_id(_OWNER, "metrics", slot), EventType.METRIC_UPDATE, datetime.now(UTC), data)
        )

    async def _deliver(self, event: Event) -> None:
        try:
            await self._log.append([event])
        except Unavailable:
            self._publish(event)

    async def _number(self, words: str) -> Announced:
        """The announcement of these words: somebody's, if it is the last one, or else a new one."""
        for _ in range(_ATTEMPTS):
            last = await self._announcements.last()
            if last is not None and last.text == words:
                return last
            if claimed := await self._announcements.claim(last, words):
                return claimed
        raise Unavailable("others announce all the time")


def slot_of(every: float) -> int:
    """The number of the present slot of `every` seconds: the same in all processes."""
    return int(time.time() // every)


def _health_event(health: SystemHealth, identity: str) -> Event:
    data = schemas.SystemHealthStatus.of(health).model_dump(mode="json")
    return _event(identity, EventType.SYSTEM_HEALTH_UPDATE, health.at, data)


def _event(identity: str, kind: EventType, at: datetime, data: Params) -> Event:
    return Event(id=identity, event_type=kind, timestamp=at, data=data)
