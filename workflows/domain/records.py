"""What workflows tell the read model: rows of tasks and batches, and the reports that change them.

Every change carries a version that only grows, so that a late retry cannot overwrite newer state.
"""

from datetime import datetime

from workflows.domain.batches import StorageBackend
from workflows.domain.effects import Effect
from workflows.domain.progress import ProgressInfo
from workflows.domain.resources import Frozen, Params
from workflows.domain.states import BatchStatus, TaskStatus
from workflows.domain.task_updates import TaskUpdate


class TaskRecord(Frozen):
    """A row of the task list: the contract's `WorkflowTask` and what else is known of it."""

    id: str
    name: str
    command: str
    args: tuple[str, ...]
    dependencies: tuple[str, ...]
    status: TaskStatus = TaskStatus.PENDING
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    output: str | None = None
    error: str | None = None
    progress: float | None = None
    workflow_type: str
    batch_id: str | None = None
    operation_id: str | None = None
    infra: str
    provider: str
    requested_by: str
    version: int = 0


class BatchRecord(Frozen):
    """A row of the batch list."""

    id: str
    name: str
    version_label: str
    status: BatchStatus = BatchStatus.RUNNING
    created_at: datetime
    completed_at: datetime | None = None
    storage_backend: StorageBackend = "filesystem"
    parallel_limit: int
    rollback_enabled: bool
    operation_ids: tuple[str, ...]
    requested_by: str
    error: str | None = None
    remaining: tuple[str, ...] = ()
    progress: ProgressInfo | None = None
    version: int = 0


class BatchUpdate(Frozen):
    """A change of a batch."""

    id: str
    version: int
    status: BatchStatus
    phase: str
    """`running`, `cancelling`, `rolling back`, or how it ended."""
    at: datetime
    progress: ProgressInfo
    counts: dict[TaskStatus, int]
    completed_at: datetime | None = None
    error: str | None = None
    remaining: tuple[str, ...] = ()


class StateSnapshot(Frozen):
    """The contract's `StateSnapshot`, and whose it is."""

    snapshot_id: str
    workflow_id: str
    sequence: int
    timestamp: datetime
    state: str
    details: Params = {}


class Report(Frozen):
    """One coalesced write: everything that changed since the last one, in the order it was seen."""

    owner: str
    """The batch, or the single task, under which snapshots are kept."""
    number: str
    """Unique among the owner's reports, and the same for every retry of this one."""
    storage_backend: StorageBackend = "filesystem"
    """Where the owner's snapshots are kept."""
    tasks: tuple[TaskUpdate, ...] = ()
    batch: BatchUpdate | None = None
    effects: tuple[Effect, ...] = ()
