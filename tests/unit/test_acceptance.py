"""The rows of an accepted batch."""

from datetime import UTC, datetime
from uuid import uuid4

from workflows.domain.acceptance import batch_record, command_line, task_records
from workflows.domain.batches import BatchSpec
from workflows.domain.identity import task_id
from workflows.domain.operations import OperationSpec, ServerOperation, TaskservOperation
from workflows.domain.states import TaskStatus

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def servers(**config: object) -> ServerOperation:
    wanted = [{"name": "web-01", "plan": "small", "zone": "here"}]
    return ServerOperation.model_validate(
        {"id": "op", "provider": "local", "config": {"server_configs": wanted, **config}}
    )


def taskservs(**config: object) -> TaskservOperation:
    return TaskservOperation.model_validate(
        {"id": "op", "provider": "aws", "config": {"taskservs": ["redis", {"name": "nginx"}], **config}}
    )


def test_the_command_line_says_what_is_done() -> None:
    assert command_line(servers()) == (
        *("servers", "create", "--infra", "default", "--provider", "local"),
        "web-01",
    )
    assert command_line(servers(operation="delete", infra="lab", timeout=60)) == (
        *("servers", "delete", "--infra", "lab", "--provider", "local", "--timeout", "60"),
        "web-01",
    )
    assert command_line(taskservs()) == (
        *("taskserv", "create", "redis", "nginx", "--infra", "default", "--provider", "aws"),
    )
    assert command_line(taskservs(operation="delete", servers=["a", "b"])) == (
        *("taskserv", "delete", "redis", "nginx", "--servers", "a,b"),
        *("--infra", "default", "--provider", "aws"),
    )


def test_many_servers_of_one_name_stay_one_argument() -> None:
    many = [{"name": "web", "plan": "small", "zone": "here", "count": 1000}]
    assert command_line(servers(server_configs=many))[-1] == "web-{1..1000}"


def test_every_operation_is_a_pending_task_in_the_batchs_order() -> None:
    operations: list[OperationSpec] = [
        servers().model_copy(update={"id": "z"}),
        taskservs().model_copy(update={"id": "a", "dependencies": ("z", "z")}),
    ]
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
    row = batch_record(batch)
    assert (row.operation_ids, row.version_label, row.version) == (("z", "a"), "2.0.0", 0)
