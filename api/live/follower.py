"""Reads the event log as it grows: one for each API process.

It goes by sequence number alone, so it can neither skip an event nor hand one on twice, whatever becomes of
the change stream that wakes it.
"""

import logging

from activities.ports import EventLog, EventSignals
from api.live.hub import Hub
from api.live.messages import message
from workflows.domain.errors import ProvisioningError

log = logging.getLogger(__name__)

POLL = 1.0
"""Seconds after which the log is read although nobody said that it has grown."""

CHUNK = 500


class Follower:
    """Hands every new event to the hub."""

    def __init__(self, event_log: EventLog, signals: EventSignals, hub: Hub) -> None:
        self._log = event_log
        self._signals = signals
        self._hub = hub
        self._away = False

    async def run(self) -> None:
        """Until it is cancelled. Starts with the database away, and outlives its absences."""
        while True:
            try:
                await self._catch_up()
                self._away = False
            except ProvisioningError as error:
                if not self._away:
                    log.warning("the event log cannot be followed for now: %s", error.message)
                self._away = True
            except Exception:
                log.exception("following the event log failed; trying again")
                self._away = True
            await self._signals.wait(POLL)

    async def _catch_up(self) -> None:
        position = self._hub.position
        # Whoever comes back may be another, emptier server.
        if position is None or (self._away and await self._log.last() < position):
            position = await self._log.last()
            self._hub.begin_at(position)
        while found := await self._log.read(position, CHUNK):
            for sequence, event in found:
                self._hub.hand_on(message(event, sequence))
            position = found[-1][0]
