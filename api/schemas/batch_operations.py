"""Batches: what is submitted, and how they stand."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, JsonValue, StringConstraints

from api.schemas.envelope import RequestModel, absent
from workflows.domain.batches import BatchSpec
from workflows.domain.identity import task_id
from workflows.domain.records import BatchRecord, TaskRecord
from workflows.domain.states import BatchStatus, TaskStatus

Name = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"\S")]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\t\n\r]+$")]


class BatchOperation(RequestModel):
    """A node of the batch; its config is checked against its type later, at the door."""

    id: Identifier
    type: Literal["server_batch", "taskserv_batch", "cluster_batch"]
    provider: Identifier
    dependencies: tuple[Identifier, ...]
    config: dict[str, JsonValue] = {}


class BatchOperationRequest(RequestModel):
    name: Name
    version: Annotated[str, StringConstraints(max_length=255)] = "1.0.0"
    storage_backend: Literal["filesystem", "surrealdb"] = "filesystem"
    parallel_limit: int = Field(default=5, ge=1, le=100)
    rollback_enabled: bool = True
    operations: tuple[BatchOperation, ...]


class OperationState(BaseModel):
    """How an operation stands; its task has the same state under `task_id`."""

    id: str
    status: TaskStatus
    progress: float
    task_id: str

    @classmethod
    def of(cls, task: TaskRecord) -> Self:
        done = 100.0 if task.status is TaskStatus.COMPLETED else task.progress or 0.0
        return cls(id=task.operation_id or task.id, status=task.status, progress=done, task_id=task.id)

    @classmethod
    def pending(cls, batch_id: str, operation_id: str) -> Self:
        return cls(
            id=operation_id,
            status=TaskStatus.PENDING,
            progress=0.0,
            task_id=task_id(batch_id, operation_id),
        )


class OperationInBatch(OperationState):
    """What it is, and on which operations it depends, is said of a single batch and not in lists."""

    workflow_type: str | None = Field(default=None, exclude_if=absent)
    dependencies: tuple[str, ...] | None = Field(default=None, exclude_if=absent)

    @classmethod
    def in_graph(cls, task: TaskRecord, names: Mapping[str, str]) -> Self:
        """`names` are those of the batch's operations, by their tasks."""
        told = {
            "workflow_type": task.workflow_type,
            "dependencies": tuple(names[needed] for needed in task.dependencies if needed in names),
        }
        return cls.of(task).model_copy(update=told)


class BatchOperationResult(BaseModel):
    """The answer to a submission."""

    batch_id: str
    status: BatchStatus
    operations: tuple[OperationState, ...]

    @classmethod
    def started(cls, batch: BatchSpec) -> "BatchOperationResult":
        operations = tuple(OperationState.pending(batch.batch_id, o.id) for o in batch.operations)
        return cls(batch_id=batch.batch_id, status=BatchStatus.RUNNING, operations=operations)


class WorkflowExecutionState(BaseModel):
    """A batch. `remaining` names what a failed compensation left behind, one line each."""

    batch_id: str
    name: str
    status: BatchStatus
    created_at: datetime
    completed_at: datetime | None = Field(default=None, exclude_if=absent)
    operations: tuple[OperationInBatch, ...] | None = Field(default=None, exclude_if=absent)
    error: str | None = Field(default=None, exclude_if=absent)
    remaining: tuple[str, ...] | None = Field(default=None, exclude_if=absent)

    @classmethod
    def with_graph(cls, batch: BatchRecord, tasks: Sequence[TaskRecord]) -> "WorkflowExecutionState":
        """With what each operation is and depends on."""
        names = {task.id: task.operation_id or task.id for task in tasks}
        operations = tuple(OperationInBatch.in_graph(task, names) for task in tasks)
        return cls.of(batch, None).model_copy(update={"operations": operations})

    @classmethod
    def of(cls, batch: BatchRecord, tasks: Sequence[TaskRecord] | None) -> "WorkflowExecutionState":
        return cls(
            batch_id=batch.id,
            name=batch.name,
            status=batch.status,
            created_at=batch.created_at,
            completed_at=batch.completed_at,
            operations=None if tasks is None else tuple(OperationInBatch.of(task) for task in tasks),
            error=batch.error,
            remaining=batch.remaining or None,
        )
