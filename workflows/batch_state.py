"""What a batch knows of itself: the part that is carried from run to run, and what it tells others."""

from collections import Counter
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel

from workflows.domain.batches import BatchResult, BatchSpec
from workflows.domain.changes import Change
from workflows.domain.effects import Remaining
from workflows.domain.operations import OperationSpec
from workflows.domain.progress import ProgressInfo, percent, seconds_left
from workflows.domain.records import BatchUpdate
from workflows.domain.resources import Frozen, Server
from workflows.domain.states import BatchStatus, TaskStatus
from workflows.reporting import Unwritten


class Phase(StrEnum):
    RUNNING = "running"
    STOPPING = "stopping"
    ROLLING_BACK = "rolling back"
    ENDED = "ended"


class Stop(Frozen):
    """Why nothing new starts, and what happens to what was built."""

    reason: str
    cancelled: bool
    undo: bool


class Pace(BaseModel):
    """How long operations of one type took, in seconds."""

    seconds: float = 0.0
    count: int = 0


class BatchState(BaseModel):
    """Everything that the next run needs besides the batch itself."""

    statuses: dict[str, TaskStatus]
    phase: Phase = Phase.RUNNING
    stop: Stop | None = None
    error: str | None = None
    started: dict[str, datetime] = {}
    """Start times of the operations that are under way."""
    paces: dict[str, Pace] = {}
    servers: dict[str, tuple[Server, ...]] = {}
    """What each completed operation made or worked on."""
    foreseen: dict[str, tuple[Change, ...]] = {}
    """What each operation in check mode would change."""
    built: list[str] = []
    """Operations that have effects in the world which a rollback would take back."""
    undone: list[str] = []
    made_anew: dict[str, Server] = {}
    """Servers that came back when their deletion was undone, by key."""
    remaining: list[Remaining] = []
    accepted: bool = False
    held: list[str] = []
    """Infras of which it holds the locks that it needs."""
    waiting: str | None = None
    """Whom it waits for before it may begin."""
    cancelled_natively: bool = False
    unwritten: Unwritten = Unwritten()

    @classmethod
    def at_first(cls, batch: BatchSpec) -> "BatchState":
        return cls(statuses={operation.id: TaskStatus.PENDING for operation in batch.operations})

    def having(self, *wanted: TaskStatus) -> list[str]:
        return [name for name, status in self.statuses.items() if status in wanted]

    @property
    def counts(self) -> dict[TaskStatus, int]:
        return dict(Counter(self.statuses.values()))

    @property
    def status(self) -> BatchStatus:
        if self.phase is not Phase.ENDED:
            return BatchStatus.RUNNING
        if self.stop is not None and self.stop.cancelled:
            return BatchStatus.CANCELLED
        complete = all(status is TaskStatus.COMPLETED for status in self.statuses.values())
        return BatchStatus.COMPLETED if complete else BatchStatus.FAILED

    def note_pace(self, operation: OperationSpec, seconds: float) -> None:
        pace = self.paces.setdefault(operation.type, Pace())
        pace.seconds += seconds
        pace.count += 1


class BatchInput(BaseModel):
    """What a batch's workflow is started with: the batch, and where an earlier run left it."""

    batch: BatchSpec
    state: BatchState | None = None


def progress(batch: BatchSpec, state: BatchState, now: datetime) -> ProgressInfo:
    terminal = sum(status.is_terminal for status in state.statuses.values())
    return ProgressInfo(
        workflow_id=batch.batch_id,
        progress=percent(terminal, len(batch.operations)),
        current_step=_current_step(state),
        total_steps=len(batch.operations),
        completed_steps=terminal,
        estimated_time_remaining=_time_left(batch, state, now),
    )


def update(batch: BatchSpec, state: BatchState, version: int, now: datetime) -> BatchUpdate:
    return BatchUpdate(
        id=batch.batch_id,
        version=version,
        status=state.status,
        phase=state.status.value if state.phase is Phase.ENDED else state.phase.value,
        at=now,
        progress=progress(batch, state, now),
        counts=state.counts,
        completed_at=now if state.phase is Phase.ENDED else None,
        error=state.error,
        remaining=tuple(one.line for one in state.remaining),
    )


def result(state: BatchState) -> BatchResult:
    counts = state.counts
    return BatchResult(
        status=state.status,
        completed=counts.get(TaskStatus.COMPLETED, 0),
        failed=counts.get(TaskStatus.FAILED, 0),
        cancelled=counts.get(TaskStatus.CANCELLED, 0),
        error=state.error,
        remaining=tuple(one.line for one in state.remaining),
    )


def _current_step(state: BatchState) -> str:
    running = state.having(TaskStatus.RUNNING)
    match state.phase:
        case Phase.ENDED:
            return state.status.value.lower()
        case Phase.ROLLING_BACK:
            return f"rolling back: {len(state.undone)} of {len(state.built)} operations undone"
        case Phase.STOPPING:
            return f"stopping {_names(running)}" if running else "stopping"
        case Phase.RUNNING if state.waiting is not None:
            return state.waiting
        case Phase.RUNNING:
            return f"running {_names(running)}" if running else "starting"


def _names(names: list[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _time_left(batch: BatchSpec, state: BatchState, now: datetime) -> int | None:
    """From how long the completed operations of the same type took; None until one has."""
    if state.phase is not Phase.RUNNING:
        return 0 if state.phase is Phase.ENDED else None
    seconds = sum(pace.seconds for pace in state.paces.values())
    count = sum(pace.count for pace in state.paces.values())
    if count == 0:
        return None
    expected: dict[str, float] = {}
    for operation in batch.operations:
        if state.statuses[operation.id].is_terminal:
            continue
        pace = state.paces.get(operation.type, Pace(seconds=seconds, count=count))
        usual = pace.seconds / pace.count
        begun = state.started.get(operation.id)
        passed = (now - begun).total_seconds() if begun else 0.0
        expected[operation.id] = max(usual - passed, 0.0)
    graph = {operation.id: operation.dependencies for operation in batch.operations}
    return seconds_left(expected, graph, batch.parallel_limit)
