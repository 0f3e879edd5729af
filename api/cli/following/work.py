"""How what is followed stands: a batch with its operations, or a single task.

It only ever goes forward: an event that is older than what is known already changes nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from api.cli.following.events import BatchChanged, Event, Logged, ProgressUpdated, TaskChanged
from api.cli.following.pace import Pace, left
from workflows.domain.states import BatchStatus, TaskStatus

ENDED = frozenset(status.value for status in (*BatchStatus, *TaskStatus) if status.is_terminal)


@dataclass
class Operation:
    """An operation of a batch. Times are the service's."""

    id: str
    task_id: str
    status: str
    percent: float = 0.0
    kind: str = ""
    step: str = ""
    error: str = ""
    undone: str = ""
    """What was taken back after its end."""
    left: float = 0.0
    """Seconds, as of `left_at`."""
    left_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED

    @property
    def outcome(self) -> str:
        """Its status, and what is to be said of it."""
        return "; ".join(filter(None, (self.status, self.error, self.undone)))

    def seconds(self, now: datetime) -> float:
        """How long it ran so far, or in all."""
        if self.started_at is None:
            return 0.0
        return max(0.0, ((self.ended_at or now) - self.started_at).total_seconds())


@dataclass(frozen=True)
class Line:
    """A line that a job printed. `operation` is empty where a single task is followed."""

    at: datetime
    operation: str
    where: str
    text: str


@dataclass
class Work:
    """What is followed. For a single task there are no operations."""

    id: str
    title: str
    status: str = "Running"
    phase: str = "running"
    step: str = ""
    percent: float = 0.0
    done: int = 0
    total: int = 0
    error: str = ""
    remaining: tuple[str, ...] = ()
    """What could not be undone."""
    left: float | None = None
    """Seconds, as of `left_at`."""
    left_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    is_told: bool = False
    """Whether its end was heard, after which nothing more is told of it."""
    operations: dict[str, Operation] = field(default_factory=dict)
    """By their tasks."""
    pace: Pace = field(default_factory=Pace)

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED

    @property
    def is_straight(self) -> bool:
        """Whether it goes forward, and nothing is stopped or undone."""
        return self.phase == "running"

    @property
    def note(self) -> str:
        """How far it came; or what it does, where that says more, as while it waits for others."""
        has_begun = any(operation.status != TaskStatus.PENDING for operation in self.operations.values())
        if self.is_straight and self.operations and (has_begun or not self.step):
            return f"{self.done} of {self.total}"
        return self.step

    def seconds_left(self, now: datetime) -> float | None:
        if self.left is None or self.left_at is None or self.has_ended:
            return None
        return max(0.0, self.left - (now - self.left_at).total_seconds())

    def seconds(self, now: datetime) -> float:
        if self.started_at is None:
            return 0.0
        return max(0.0, ((self.ended_at or now) - self.started_at).total_seconds())

    def having(self, status: str) -> Iterator[Operation]:
        return (operation for operation in self.operations.values() if operation.status == status)

    def left_for(self, operation: Operation, now: datetime) -> float | None:
        """Seconds that an operation may still take."""
        if operation.status != TaskStatus.RUNNING:
            return None
        if operation.left_at is not None:
            return operation.left - (now - operation.left_at).total_seconds()
        return self.pace.left(operation.kind, operation.seconds(now))

    def concerns(self, event: Event) -> bool:
        return self.id in (event.metadata.batch_id, event.metadata.task_id)

    def apply(self, event: Event) -> Line | Operation | None:
        """Takes over what an event of this work says.

        Returns the operation that changed, or the line of a log.
        """
        match event:
            case BatchChanged(data=data):
                self._batch_change(data, event.timestamp)
            case ProgressUpdated(data=data):
                self._progress(data, event.timestamp)
            case TaskChanged(data=data) if data.task_id == self.id:
                self._own_change(data, event.timestamp)
            case TaskChanged(data=data):
                return self._operation_change(data, event)
            case Logged(data=data):
                operation = self.operations.get(data.task_id)
                name = operation.id if operation else ""
                return Line(event.timestamp, name, data.where, data.line)
        return None

    def _batch_change(self, data: BatchChanged.Data, at: datetime) -> None:
        self.is_told |= data.status in ENDED
        if self.has_ended:
            return
        self.status, self.phase = data.status, data.phase
        self.error = data.error or ""
        if self.has_ended:
            self.ended_at = at

    def _progress(self, data: ProgressUpdated.Data, at: datetime) -> None:
        if data.progress < self.percent or (self.left_at is not None and at < self.left_at):
            return
        self.percent, self.step = data.progress, data.current_step
        self.done, self.total = data.completed_steps, data.total_steps
        self.left, self.left_at = data.estimated_time_remaining, at

    def _own_change(self, data: TaskChanged.Data, at: datetime) -> None:
        self.is_told |= data.status in ENDED
        if self.has_ended:
            return
        self.status, self.step = data.status, data.step or self.step
        self.error = data.error or self.error
        self.percent = max(self.percent, data.progress or 0.0)
        if data.status == TaskStatus.RUNNING and self.started_at is None:
            self.started_at = at
        if self.has_ended:
            self.ended_at = at
        elif self.percent > 0 and self.started_at is not None:
            self.left, self.left_at = left(self.seconds(at), self.percent), at

    def _operation_change(self, data: TaskChanged.Data, event: TaskChanged) -> Operation | None:
        operation = self.operations.get(data.task_id)
        if operation is None:
            return None
        operation.kind = event.metadata.workflow_type
        if operation.has_ended:
            # Nothing is told of it now but what was taken back.
            if data.status == operation.status == data.previous_status:
                operation.undone = data.step
            return operation
        operation.status, operation.step = data.status, data.step
        if data.progress and data.progress > operation.percent:
            operation.percent = data.progress
            operation.left = left(operation.seconds(event.timestamp), data.progress)
            operation.left_at = event.timestamp
        if data.status == TaskStatus.RUNNING and operation.started_at is None:
            operation.started_at = event.timestamp
        if operation.has_ended:
            operation.ended_at = event.timestamp
            operation.error = data.error or ""
            if data.status == TaskStatus.COMPLETED:
                operation.percent = 100.0
                self.pace.note(operation.kind, operation.seconds(event.timestamp))
        return operation

    def found(self, operations: Iterable[Operation]) -> Iterator[Operation]:
        """Takes over the operations as they were read; gives those that are other than was known."""
        for read in operations:
            known = self.operations.setdefault(read.task_id, read)
            if known is read:
                yield read
            elif not known.has_ended and known.status != read.status:
                known.status = read.status
                known.percent = max(known.percent, read.percent)
                yield known
