"""Plans of changes: how they read, and what foreseen changes add up to."""

from workflows.domain.changes import (
    Change,
    ChangeKind,
    ChangePlan,
    Drift,
    Foreseen,
    of_params,
    of_spec,
    server_key,
    taskserv_key,
)
from workflows.domain.dag import before
from workflows.domain.resources import ServerSpec


def change(kind: ChangeKind, key: str, *details: str) -> Change:
    return Change(kind=kind, key=key, details=details)


WEB, NGINX = server_key("shop/web"), taskserv_key("shop/web", "nginx")


def test_a_plan_reads_in_order_with_its_drift_and_counts() -> None:
    plan = ChangePlan(
        changes=(
            change(ChangeKind.CREATE, WEB, "local", "small"),
            change(ChangeKind.UPDATE, NGINX, "port: 80 -> 81"),
            change(ChangeKind.DELETE, server_key("shop/old")),
        ),
        drift=(Drift(key=taskserv_key("shop/db", "redis"), what="does not answer"),),
    )
    assert plan.text.splitlines() == [
        "+ server shop/web  (local, small)",
        "~ taskserv shop/web/nginx  (port: 80 -> 81)",
        "- server shop/old",
        "! taskserv shop/db/redis: does not answer",
        "plan: 1 to create, 1 to change, 1 to delete, 1 drifted",
    ]


def test_nothing_to_do_is_said_in_so_many_words() -> None:
    assert ChangePlan().text == "no changes"
    drifted = ChangePlan(drift=(Drift(key=WEB, what="is gone"),))
    assert drifted.text.splitlines()[-1] == "no changes, 1 drifted"


def test_the_last_change_of_a_resource_counts() -> None:
    foreseen = Foreseen([change(ChangeKind.CREATE, WEB), change(ChangeKind.DELETE, WEB)])
    assert foreseen.server("shop/web") == change(ChangeKind.DELETE, WEB)
    assert foreseen.server("shop/other") is None


def test_what_stands_on_a_server_goes_with_it_and_does_not_come_back_with_a_new_one() -> None:
    foreseen = Foreseen([change(ChangeKind.CREATE, NGINX)])
    assert set(foreseen.taskservs("shop/web")) == {"nginx"}
    foreseen.add(change(ChangeKind.DELETE, WEB))
    foreseen.add(change(ChangeKind.CREATE, WEB))
    assert foreseen.taskservs("shop/web") == {}


def test_a_name_that_begins_alike_is_another_one() -> None:
    other = server_key("shop/web-2")
    foreseen = Foreseen([change(ChangeKind.CREATE, other), change(ChangeKind.CREATE, NGINX)])
    foreseen.add(change(ChangeKind.DELETE, WEB))
    assert set(foreseen.servers("shop")) == {"shop/web", "shop/web-2"}
    assert set(foreseen.servers("sho")) == set()
    assert set(foreseen.servers()) == {"shop/web", "shop/web-2"}


def test_of_parameters_those_that_differ_are_told() -> None:
    assert of_params(None, {"b": True, "a": "x"}) == ("a=x", "b=true")
    assert of_params({"a": "x", "b": 1}, {"a": "y", "b": 1}) == ("a: x -> y",)
    assert of_params({"a": "x"}, {"a": "x"}) == ()


def test_of_a_server_what_it_costs_and_where_it_stands() -> None:
    spec = ServerSpec(infra="i", name="n", provider="aws", plan="t3", zone="eu", labels={"tier": "web"})
    assert of_spec(spec) == ("aws", "t3", "eu", "tier=web")


def test_what_comes_before_an_operation_comes_in_an_order_that_could_be_carried_out() -> None:
    graph = {"d": ["b", "c"], "c": ["a"], "b": ["a"], "a": [], "alone": []}
    order = before(graph, "d")
    assert set(order) == {"a", "b", "c"}
    assert order[0] == "a"
    assert before(graph, "alone") == []
