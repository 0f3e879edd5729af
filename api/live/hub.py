"""Hands each event to every client, and waits for none of them."""

import asyncio
from collections import deque

from api.live.closing import BEGAN_ANEW, ConnectionEnds, TooSlow
from api.live.messages import Message
from workflows.domain.errors import Unavailable
from workflows.domain.events import EventType

MAX_MESSAGES = 5_000
MAX_CHARACTERS = 16 * 1024 * 1024
"""What may wait for one client. The texts are shared by all for whom they wait."""


class Subscriber:
    """What waits for one client."""

    def __init__(self, wanted: frozenset[EventType]) -> None:
        self._wanted = wanted
        self._waiting: deque[Message] = deque()
        self._characters = 0
        self._wake = asyncio.Event()
        self._over: Exception | None = None

    def offer(self, message: Message) -> None:
        """Takes the message if it is of a wanted type. Where too much waits already, all of it is dropped."""
        if self._over is not None or message.event_type not in self._wanted:
            return
        self._waiting.append(message)
        self._characters += len(message.text)
        if len(self._waiting) > MAX_MESSAGES or self._characters > MAX_CHARACTERS:
            self.end(TooSlow())
        self._wake.set()

    def end(self, how: Exception) -> None:
        """Nothing comes any more but this."""
        self._over = how
        self._waiting.clear()
        self._wake.set()

    async def next(self) -> Message:
        """Raises TooSlow or ConnectionEnds where no message will follow."""
        while not self._waiting:
            if self._over is not None:
                raise self._over
            self._wake.clear()
            await self._wake.wait()
        message = self._waiting.popleft()
        self._characters -= len(message.text)
        return message


class Hub:
    """All subscribers of this process, and how far they have been told."""

    def __init__(self) -> None:
        self._subscribers: set[Subscriber] = set()
        self._position: int | None = None
        self.beginnings = 0
        """How many logs there were; more than one where the database was replaced."""

    @property
    def position(self) -> int | None:
        """The sequence number up to which everything was handed on; None until the log could be read."""
        return self._position

    def told(self) -> int:
        """The position. Raises Unavailable where there is none yet."""
        if self._position is None:
            raise Unavailable("the event log cannot be read yet")
        return self._position

    def join(self, wanted: frozenset[EventType], beginning: int) -> Subscriber:
        """From now on it gets every event behind `position`.

        Raises:
            ConnectionEnds: `beginnings` is another one by now.
        """
        if beginning != self.beginnings:
            raise _began_anew()
        subscriber = Subscriber(wanted)
        self._subscribers.add(subscriber)
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        self._subscribers.discard(subscriber)

    def hand_on(self, message: Message) -> None:
        for subscriber in self._subscribers:
            subscriber.offer(message)
        if message.sequence is not None:
            self._position = message.sequence

    def begin_at(self, position: int) -> None:
        """The log starts here, or is another one now: then those who followed the old one have to go."""
        for subscriber in self._subscribers:
            subscriber.end(_began_anew())
        self._position = position
        self.beginnings += 1


def _began_anew() -> ConnectionEnds:
    return ConnectionEnds(BEGAN_ANEW, "the event log began anew; connect without since")
