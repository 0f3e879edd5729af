"""The past from the log, at the client's own pace, joined to the live events without gap or double."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from activities.ports import EventLog
from api.live.hub import Hub, Subscriber
from api.live.messages import Message, message
from workflows.domain.errors import ProvisioningError
from workflows.domain.events import Event, EventType

CHUNK = 200
"""Events in one read, and in memory for one client that replays."""

NEAR = 1_000
"""Events behind the live ones from where on these wait for the client, so that it catches up for good."""

_PAUSE = 0.5
"""Seconds between two tries where the log is away."""


class Replay:
    """One client's way through the events."""

    def __init__(self, event_log: EventLog, hub: Hub, wanted: frozenset[EventType], position: int) -> None:
        self._log = event_log
        self._hub = hub
        self._wanted = wanted
        self._beginning = hub.beginnings
        self.position = position
        """The client has, or does not want, everything up to here."""

    async def messages(self) -> AsyncGenerator[Message, None]:
        """Every wanted event behind `position`, once and in order, without an end.

        Raises:
            TooSlow: too many events wait for the client.
            ConnectionEnds: the log is not the one any more in which the client was.
        """
        subscriber: Subscriber | None = None
        end = self._hub.told()
        try:
            while subscriber is None or self.position < end:
                if subscriber is None:
                    end = self._hub.told()
                    if end - self.position <= NEAR:
                        # Everything behind `end` waits from here on; what is before it is still to be read.
                        subscriber = self._hub.join(self._wanted, self._beginning)
                        continue
                for sequence, event in await self._read(end):
                    if event.event_type in self._wanted:
                        yield message(event, sequence)
                    self.position = sequence
            while True:
                live = await subscriber.next()
                if live.sequence is None:
                    yield live
                elif live.sequence > self.position:
                    yield live
                    self.position = live.sequence
        finally:
            if subscriber is not None:
                self._hub.leave(subscriber)

    async def _read(self, end: int) -> Sequence[tuple[int, Event]]:
        """The next events, as soon as the log can be read; where it has none, that counts as `end`."""
        while True:
            try:
                found = await self._log.read(self.position, CHUNK)
            except ProvisioningError:
                await asyncio.sleep(_PAUSE)
                continue
            if not found:
                self.position = end
            return found
