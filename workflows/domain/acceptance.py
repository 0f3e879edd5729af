"""The rows that a batch has in the read model from the moment it is accepted."""

from workflows.domain.batches import BatchSpec, OperationInput
from workflows.domain.command_lines import COMMAND, Words, command_lines
from workflows.domain.identity import task_id
from workflows.domain.operations import OperationSpec, workflow_type
from workflows.domain.records import BatchRecord, TaskRecord
from workflows.domain.rollbacks import WORKFLOW_TYPE, RollbackSpec


def batch_record(batch: BatchSpec) -> BatchRecord:
    return BatchRecord(
        id=batch.batch_id,
        name=batch.name,
        version_label=batch.version,
        created_at=batch.created_at,
        storage_backend=batch.storage_backend,
        parallel_limit=batch.parallel_limit,
        rollback_enabled=batch.rollback_enabled,
        operation_ids=tuple(operation.id for operation in batch.operations),
        requested_by=batch.requested_by,
    )


def task_records(batch: BatchSpec) -> list[TaskRecord]:
    """A pending task for each operation, in the batch's order."""
    words = command_lines(batch)
    return [_task_record(batch, operation, words[operation.id]) for operation in batch.operations]


def _task_record(batch: BatchSpec, operation: OperationSpec, args: Words) -> TaskRecord:
    return TaskRecord(
        id=task_id(batch.batch_id, operation.id),
        name=operation.id,
        command=COMMAND,
        args=args,
        dependencies=tuple(
            task_id(batch.batch_id, needed) for needed in dict.fromkeys(operation.dependencies)
        ),
        created_at=batch.created_at,
        workflow_type=workflow_type(operation),
        batch_id=batch.batch_id,
        operation_id=operation.id,
        infra=operation.config.infra,
        provider=operation.provider,
        requested_by=batch.requested_by,
    )


def single_record(request: OperationInput) -> TaskRecord:
    """The row of a task that belongs to no batch.

    Raises:
        ValueError: it belongs to one.
    """
    if request.alone is None:
        raise ValueError(f"task {request.task_id} is not a task of its own")
    operation = request.operation
    return TaskRecord(
        id=request.task_id,
        name=operation.id,
        command=COMMAND,
        args=request.alone.args,
        dependencies=(),
        created_at=request.alone.created_at,
        workflow_type=workflow_type(operation),
        infra=operation.config.infra,
        provider=operation.provider,
        requested_by=request.alone.requested_by,
    )


def rollback_record(rollback: RollbackSpec) -> TaskRecord:
    return TaskRecord(
        id=rollback.rollback_id,
        name=rollback.name,
        command=COMMAND,
        args=rollback.args,
        dependencies=(),
        created_at=rollback.created_at,
        workflow_type=WORKFLOW_TYPE,
        infra=rollback.infra,
        provider=rollback.provider,
        requested_by=rollback.requested_by,
    )
