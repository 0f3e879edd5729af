"""What a batch may touch, told from its spec."""

from tests.support.batches import server_operation, taskserv_operation
from workflows.domain.operations import OperationSpec, ServerOperation
from workflows.domain.touching import Touch, expanded, touches


def test_named_servers_and_nothing_else() -> None:
    what = touches([server_operation("a"), taskserv_operation("b", servers=["x"])])
    assert what == (Touch(infra="default", names=("a", "x")),)


def test_servers_that_are_counted_through() -> None:
    config = {"server_configs": [{"name": "web", "count": 3, "plan": "p", "zone": "z"}]}
    many = ServerOperation.model_validate({"id": "a", "provider": "local", "config": config})
    assert touches([many]) == (Touch(infra="default", names=("web-{1..3}",)),)
    assert list(expanded(["web-{1..3}", "db"])) == ["web-1", "web-2", "web-3", "db"]


def test_task_services_without_servers_go_to_what_their_dependencies_made() -> None:
    operations: list[OperationSpec] = [
        server_operation("a"),
        taskserv_operation("on-a", ["a"]),
        taskserv_operation("too", ["on-a"]),
    ]
    assert touches(operations) == (Touch(infra="default", names=("a",)),)


def test_task_services_that_nobody_tells_where_to_go_may_go_anywhere_in_their_infra() -> None:
    what = touches([server_operation("a", infra="x"), taskserv_operation("b", infra="y")])
    assert what == (Touch(infra="x", names=("a",)), Touch(infra="y", names=None))
