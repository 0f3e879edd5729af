"""The events that the service tells, as far as the command line looks at them."""

import functools
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from api.cli.answers import Answer
from workflows.domain.events import EventType


class _Metadata(Answer):
    sequence: int | None = None
    batch_id: str | None = None
    task_id: str | None = None
    workflow_type: str = ""


class _Event(Answer):
    timestamp: AwareDatetime
    metadata: _Metadata = _Metadata()


class TaskChanged(_Event):
    class Data(Answer):
        task_id: str
        name: str
        status: str
        previous_status: str
        progress: float | None = None
        step: str = ""
        error: str | None = None

    event_type: Literal[EventType.TASK_STATUS_CHANGED]
    data: Data


class ProgressUpdated(_Event):
    class Data(Answer):
        workflow_id: str
        progress: float
        current_step: str = ""
        total_steps: int = 1
        completed_steps: int = 0
        estimated_time_remaining: int | None = None

    event_type: Literal[EventType.WORKFLOW_PROGRESS_UPDATE]
    data: Data


class BatchChanged(_Event):
    class Data(Answer):
        batch_id: str
        status: str
        phase: str = ""
        error: str | None = None

    event_type: Literal[EventType.BATCH_OPERATION_UPDATE]
    data: Data


class Logged(_Event):
    class Data(Answer):
        task_id: str
        batch_id: str | None = None
        operation_id: str | None = None
        server: str = ""
        taskserv: str = ""
        line: str

        @property
        def where(self) -> str:
            return f"{self.server} {self.taskserv}".strip()

    event_type: Literal[EventType.LOG_ENTRY]
    data: Data


class Counted(_Event):
    """Comes every some seconds, and so keeps the sequence number fresh where nothing else happens."""

    event_type: Literal[EventType.METRIC_UPDATE]


Event = TaskChanged | ProgressUpdated | BatchChanged | Logged | Counted

KINDS = (
    EventType.TASK_STATUS_CHANGED,
    EventType.WORKFLOW_PROGRESS_UPDATE,
    EventType.BATCH_OPERATION_UPDATE,
    EventType.LOG_ENTRY,
    EventType.METRIC_UPDATE,
)


@functools.cache
def _events() -> TypeAdapter[Event]:
    return TypeAdapter(Annotated[Event, Field(discriminator="event_type")])


def event(text: str | bytes) -> Event | None:
    """None for one that a newer service tells and that is not known here."""
    try:
        return _events().validate_json(text)
    except ValidationError:
        return None
