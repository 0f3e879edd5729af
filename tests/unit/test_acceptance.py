"""The rows of an accepted batch."""

from datetime import UTC, datetime
from typing import get_args
from uuid import uuid4

from tests.support.batches import server_operation, taskserv_operation
from workflows.domain.acceptance import batch_record, task_records
from workflows.domain.batches import BatchSpec
from workflows.domain.identity import task_id
from workflows.domain.operations import (
    OperationSpec,
    TaskservOperation,
    TaskservWork,
    workflow_type,
)
from workflows.domain.states import TaskStatus

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def doing(work: str) -> TaskservOperation:
    config = {"taskservs": ["redis"], "operation": work}
    return TaskservOperation.model_validate({"id": "op", "provider": "aws", "config": config})


def test_every_kind_of_work_has_a_name() -> None:
    names = {word: workflow_type(doing(word)) for word in get_args(TaskservWork)}
    assert names == {
        "create": "taskserv_creation",
        "delete": "taskserv_deletion",
        "restart": "taskserv_restart",
        "configure": "taskserv_configuration",
    }


def test_every_operation_is_a_pending_task_in_the_batchs_order() -> None:
    operations: list[OperationSpec] = [server_operation("z"), taskserv_operation("a", ["z", "z"])]
    batch = BatchSpec(
        batch_id=str(uuid4()),
        name="a batch",
        version="2.0.0",
        operations=tuple(operations),
        requested_by="somebody",
        created_at=NOON,
    )
    first, second = task_records(batch)
    assert (first.id, first.name) == (task_id(batch.batch_id, "z"), "z")
    assert second.dependencies == (first.id,)
    assert {first.status, second.status} == {TaskStatus.PENDING}
    assert (first.workflow_type, second.workflow_type) == ("server_creation", "taskserv_creation")
    assert first.created_at == second.created_at == NOON
    assert [task.command for task in (first, second)] == ["provisioning"] * 2
    assert (first.args[:2], second.args[:3]) == (("servers", "create"), ("taskserv", "create", "beacon"))
    row = batch_record(batch)
    assert (row.operation_ids, row.version_label, row.version) == (("z", "a"), "2.0.0", 0)
