"""Events as they are sent. Each is written out once, however many clients get it."""

from typing import NamedTuple

from api.schemas.websocket import WebSocketEvent
from workflows.domain.events import Event, EventType


class Message(NamedTuple):
    """An event as JSON text. `sequence` is None for one that is not in the log."""

    sequence: int | None
    event_type: EventType
    text: str


def message(event: Event, sequence: int | None = None) -> Message:
    text = WebSocketEvent.of(event, sequence).model_dump_json()
    return Message(sequence, event.event_type, text)
