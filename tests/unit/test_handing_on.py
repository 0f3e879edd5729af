"""Where task services go: the order of preference that README promises."""

from collections.abc import Mapping

import pytest

from tests.support.batches import server, server_operation, taskserv_operation
from tests.support.samples import created
from workflows.domain.operations import DeleteServersConfig, OperationSpec, ServerOperation, ServerToDelete
from workflows.domain.resources import Server
from workflows.handing_on import builds_on, looks_up, servers_for


def found(
    operation: OperationSpec, others: list[OperationSpec], servers: Mapping[str, tuple[Server, ...]]
) -> list[str]:
    operations = {one.id: one for one in [*others, operation]}
    return [one.spec.name for one in servers_for(operation, operations, servers)]


def test_servers_that_dependencies_made_at_this_provider_come_first() -> None:
    a, b = server_operation("a"), server_operation("b", provider="other")
    made = {"a": (server("a"),), "b": (server("b", provider="other"),)}
    assert found(taskserv_operation("t", ["a", "b"]), [a, b], made) == ["a"]


def test_else_the_servers_that_dependencies_made_at_all() -> None:
    made = {"b": (server("b", provider="other"),)}
    assert found(taskserv_operation("t", ["b"]), [server_operation("b", provider="other")], made) == ["b"]


def test_a_server_that_no_dependency_made_is_not_taken() -> None:
    a, b = server_operation("a"), server_operation("b")
    assert found(taskserv_operation("t", ["a"]), [a, b], {"a": (server("a"),), "b": (server("b"),)}) == ["a"]


def test_a_task_service_hands_on_the_servers_that_it_worked_on() -> None:
    a, t = server_operation("a"), taskserv_operation("t", ["a"])
    made = {"a": (server("a"),), "t": (server("a"),)}
    assert found(taskserv_operation("u", ["t"]), [a, t], made) == ["a"]


def test_what_was_made_goes_before_what_was_worked_on() -> None:
    a, b, t = server_operation("a"), server_operation("b"), taskserv_operation("t", ["a"])
    made = {"a": (server("a"),), "b": (server("b"),), "t": (server("a"),)}
    assert found(taskserv_operation("u", ["t", "b"]), [a, b, t], made) == ["b"]


def test_names_find_servers_of_any_ancestor() -> None:
    a, t = server_operation("a"), taskserv_operation("t", ["a"])
    made = {"a": (server("a1"), server("a2")), "t": (server("a1"),)}
    assert found(taskserv_operation("u", ["t"], servers=["a2"]), [a, t], made) == ["a2"]


@pytest.mark.parametrize("needs", [["make"], ["make", "drain"], ["drain", "make"]])
def test_of_a_server_that_was_made_anew_the_new_one_is_found(needs: list[str]) -> None:
    drain = taskserv_operation("drain", servers=["s"])
    config = DeleteServersConfig(operation="delete", server_configs=[ServerToDelete(name="s")])
    delete = ServerOperation(id="delete", provider="memory", dependencies=("drain",), config=config)
    make = server_operation("make", ["delete"], servers=["s"])
    old, new = server("s"), server("s").model_copy(update={"owner": "make"})
    operations = {one.id: one for one in (drain, delete, make)}
    wanted = taskserv_operation("install", needs, servers=["s"])
    assert servers_for(wanted, operations, {"drain": (old,), "make": (new,)}) == (new,)


def test_the_inventory_is_asked_only_where_it_must_be() -> None:
    wish = taskserv_operation("t", servers=["a", "b"])
    assert not looks_up(taskserv_operation("t"), (server("a"),))
    assert looks_up(taskserv_operation("t"), ())
    assert looks_up(wish, (server("a"),))
    assert not looks_up(wish, (server("a"), server("b")))
    assert not looks_up(server_operation("s"), ())
    config = DeleteServersConfig(operation="delete", server_configs=[ServerToDelete(name="a")])
    assert looks_up(ServerOperation(id="d", provider="memory", config=config), (server("a"),))


def test_what_an_operation_builds_on_is_what_was_done_to_its_servers() -> None:
    made = [created(server(name)) for name in "abc"]

    def names(operation: OperationSpec, *found: str) -> list[str]:
        effects = builds_on(operation, tuple(server(name) for name in found), made)
        return [effect.server.spec.name for effect in effects]

    assert names(taskserv_operation("t"), "c", "a") == ["a", "c"]
    assert names(taskserv_operation("t")) == []
    # One that makes servers does not care which ones its dependencies made, but for those that it names.
    assert names(server_operation("s", servers=["b", "d"]), "a") == ["b"]
