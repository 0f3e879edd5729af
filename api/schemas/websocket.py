"""What clients of the live event stream get."""

from datetime import datetime

from pydantic import BaseModel

from workflows.domain.events import Event, EventType
from workflows.domain.resources import Params

SEQUENCE = "sequence"
"""In an event's metadata: its number in the event log, which `since` takes."""

EVENT_ID = "event_id"


class WebSocketEvent(BaseModel):
    """One message. Without a sequence where the event could not be written down."""

    event_type: EventType
    timestamp: datetime
    data: Params
    metadata: dict[str, str]

    @classmethod
    def of(cls, event: Event, sequence: int | None) -> "WebSocketEvent":
        numbered = {} if sequence is None else {SEQUENCE: str(sequence)}
        return cls(
            event_type=event.event_type,
            timestamp=event.timestamp,
            data=event.data,
            metadata=event.metadata | {EVENT_ID: event.id} | numbered,
        )
