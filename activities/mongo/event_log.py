"""The event log: what happened, in one order without gaps."""

from collections.abc import Sequence

from activities.mongo.connection import Connection, Document
from activities.mongo.numbered_log import Item, NumberedLog
from workflows.domain.events import Event


class MongoEventLog:
    """Implements `EventLog`."""

    def __init__(self, connection: Connection) -> None:
        self._log = NumberedLog(connection, "events")

    async def append(self, events: Sequence[Event]) -> None:
        """Writes the events in this order; those that are there already stay where they are."""
        await self._log.append(_item(event) for event in events)

    async def read(self, after: int, limit: int) -> Sequence[tuple[int, Event]]:
        """Up to `limit` events with a sequence number above `after`, in order."""
        while documents := await self._log.read(after, limit):
            if events := self._log.collection.readable(documents, _event):
                return events
            # All of them malformed: an empty answer would mean that there are no more.
            after += limit
        return []

    async def last(self) -> int:
        """The number of the last event; 0 where there is none."""
        return await self._log.last()


def _item(event: Event) -> Item:
    return Item(event.id, {"event_type": event.event_type.value, "json": event.model_dump_json()})


def _event(document: Document) -> tuple[int, Event]:
    return int(document["position"]), Event.model_validate_json(document["json"])
