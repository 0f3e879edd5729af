"""A batch as it is wanted, and what is handed between it and its operations."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from workflows.domain.changes import Change
from workflows.domain.effects import Effect, Remaining
from workflows.domain.operations import OperationSpec
from workflows.domain.resources import Frozen, Server
from workflows.domain.states import BatchStatus, FailureAction, TaskStatus
from workflows.domain.task_updates import TaskUpdate

StorageBackend = Literal["filesystem", "surrealdb"]


class BatchSpec(Frozen):
    """A batch that passed the door: its graph is a DAG and its configs fit."""

    batch_id: str
    name: str
    version: str = "1.0.0"
    storage_backend: StorageBackend = "filesystem"
    parallel_limit: int = Field(default=5, ge=1, le=100)
    rollback_enabled: bool = True
    operations: tuple[OperationSpec, ...]
    requested_by: str
    created_at: datetime

    def on_failure(self, operation: OperationSpec) -> FailureAction:
        """What this operation's failure means: its own wish, or else the batch's."""
        default = FailureAction.ROLLBACK if self.rollback_enabled else FailureAction.CONTINUE
        return operation.config.on_failure or default


class Alone(Frozen):
    """What is known of a task that belongs to no batch, beside its operation."""

    args: tuple[str, ...]
    """Its command line, behind `provisioning`."""
    requested_by: str
    created_at: datetime


class OperationInput(Frozen):
    """What an operation's workflow is started with."""

    task_id: str
    operation: OperationSpec
    batch_id: str | None = None
    made_by_dependencies: tuple[Server, ...] = ()
    """Servers that the dependencies made, or else worked on: where task services go."""
    storage_backend: StorageBackend = "filesystem"
    """Where its snapshots are kept: with its batch's."""
    alone: Alone | None = None
    """Given for a task that belongs to no batch: it keeps its row and locks, and tells its end, itself."""
    builds_on: tuple[Effect, ...] = ()
    """Effects on its servers that are not known to be in the ledger: they must be there before its own."""
    foreseen: tuple[Change, ...] = ()
    """For check mode: what the operations before it would change."""
    undo_on_failure: bool = True
    """Whether a failed operation takes its own completed steps back. A cancelled one always does."""


class OperationResult(Frozen):
    """An operation's outcome, as a value: a business failure is no exception."""

    status: TaskStatus
    servers: tuple[Server, ...] = ()
    """The servers that it made or worked on, for its dependents."""
    effects: tuple[Effect, ...] = ()
    """All that it did, its own undoing included, in order."""
    unwritten: int = 0
    """How many of the last effects are not known to be in the ledger; the parent writes them."""
    unwritten_updates: tuple[TaskUpdate, ...] = ()
    """Steps on the way that are not known to be written down."""
    output: str = ""
    error: str | None = None
    remaining: tuple[Remaining, ...] = ()
    """What could not be undone."""
    foreseen: tuple[Change, ...] = ()
    """In check mode: what it would change."""

    @property
    def unwritten_effects(self) -> tuple[Effect, ...]:
        return self.effects[len(self.effects) - self.unwritten :]


class BatchResult(Frozen):
    """How a batch ended."""

    status: BatchStatus
    completed: int
    failed: int
    cancelled: int
    error: str | None = None
    remaining: tuple[str, ...] = ()
    """Effects that a failed compensation left in the world, one line each."""
