"""The rows that a batch has in the read model from the moment it is accepted."""

from workflows.domain.batches import BatchSpec
from workflows.domain.identity import task_id
from workflows.domain.operations import (
    DEFAULT_TIMEOUT,
    OperationSpec,
    ServerConfig,
    ServerOperation,
    ServerToDelete,
    TaskservOperation,
    workflow_type,
)
from workflows.domain.records import BatchRecord, TaskRecord

COMMAND = "provisioning"


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
    return [_task_record(batch, operation) for operation in batch.operations]


def _task_record(batch: BatchSpec, operation: OperationSpec) -> TaskRecord:
    return TaskRecord(
        id=task_id(batch.batch_id, operation.id),
        name=operation.id,
        command=COMMAND,
        args=command_line(operation),
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


def command_line(operation: OperationSpec) -> tuple[str, ...]:
    """What a person would type behind `provisioning` for the same work."""
    config = operation.config
    where = ("--infra", config.infra, "--provider", operation.provider)
    limit = ("--timeout", str(config.timeout)) if config.timeout != DEFAULT_TIMEOUT else ()
    if isinstance(operation, ServerOperation):
        names = tuple(_server(wanted) for wanted in operation.config.server_configs)
        return ("servers", config.operation, *where, *limit, *names)
    return ("taskserv", config.operation, *_taskservs(operation), *where, *limit)


def _server(wanted: ServerConfig | ServerToDelete) -> str:
    """Servers that are counted through stay one argument, in the shell's notation: there may be many."""
    return wanted.name if wanted.count is None else f"{wanted.name}-{{1..{wanted.count}}}"


def _taskservs(operation: TaskservOperation) -> tuple[str, ...]:
    names = tuple(item.name for item in operation.config.taskservs)
    servers = operation.config.servers
    return (*names, "--servers", ",".join(servers)) if servers else names
