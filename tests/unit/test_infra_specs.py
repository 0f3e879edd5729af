"""Infras: what fits, what is refused, and where the refusal points."""

from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_core import to_json

from workflows.domain.infras import InfraSpec
from workflows.domain.operations import MAX_NODES, CreateServersConfig, ServerConfig, TaskservItem

SERVER = {"name": "web", "provider": "local", "plan": "1xCPU-2GB", "zone": "local"}
CLUSTER = {"name": "store", "cluster_type": "etcd", "nodes": 3} | {
    key: SERVER[key] for key in ("provider", "plan", "zone")
}


def infra(**more: Any) -> InfraSpec:
    return InfraSpec.model_validate_json(to_json({"name": "shop"} | more), strict=True)


def servers(*changes: dict[str, Any]) -> dict[str, Any]:
    return {"servers": [SERVER | change for change in changes]}


def clusters(*changes: dict[str, Any]) -> dict[str, Any]:
    return {"clusters": [CLUSTER | change for change in changes]}


def test_an_infra_may_be_empty() -> None:
    assert infra().server_specs() == []


def test_counts_are_expanded_and_each_server_keeps_its_provider() -> None:
    wanted = infra(**servers({"count": 2, "labels": {"a": "b"}}, {"name": "db", "provider": "aws"}))
    found = [(spec.key, spec.provider, spec.labels) for spec in wanted.server_specs()]
    assert found == [
        ("shop/web-1", "local", {"a": "b"}),
        ("shop/web-2", "local", {"a": "b"}),
        ("shop/db", "aws", {}),
    ]


def test_servers_are_what_an_operation_takes() -> None:
    wanted = infra(**servers({"count": 2, "image": "i", "ssh_user": "admin", "taskservs": ["nginx"]}))
    config = wanted.servers[0].config()
    assert type(config) is ServerConfig
    operation = CreateServersConfig(infra=wanted.name, server_configs=[config])
    assert operation.specs("local") == wanted.server_specs()


def test_task_services_keep_their_order_and_parameters() -> None:
    taskservs = ["redis", {"name": "nginx", "params": {"port": 8081}}]
    found = infra(**servers({"taskservs": taskservs})).servers[0].taskservs
    assert found == (TaskservItem(name="redis"), TaskservItem(name="nginx", params={"port": 8081}))


def test_a_cluster_says_what_its_type_leaves_open() -> None:
    cluster = infra(**clusters({"version": "3.5", "params": {"quota": {"bytes": 1}}})).clusters[0]
    assert (cluster.nodes, cluster.version, cluster.params) == (3, "3.5", {"quota": {"bytes": 1}})


@pytest.mark.parametrize(
    ("wanted", "where"),
    [
        (servers({}, {"name": "../etc"}), ("servers", 1, "name")),
        (servers({"plan": ""}), ("servers", 0, "plan")),
        (servers({"zone": None}), ("servers", 0, "zone")),
        (servers({"count": 1001}), ("servers", 0, "count")),
        (servers({"count": "3"}), ("servers", 0, "count")),
        (servers({"provider": ""}), ("servers", 0, "provider")),
        (servers({"ssh_user": "Root"}), ("servers", 0, "ssh_user")),
        (servers({"labels": {"": "x"}}), ("servers", 0, "labels", "", "[key]")),
        (servers({"plann": "x"}), ("servers", 0, "plann")),
        (servers({"taskservs": ["a", {"name": "b", "param": {}}]}), ("servers", 0, "taskservs", 1, "param")),
        (servers({"taskservs": ["a", "b", "a"]}), ("servers", 0, "taskservs")),
        (clusters({"nodes": 0}), ("clusters", 0, "nodes")),
        (clusters({"nodes": MAX_NODES + 1}), ("clusters", 0, "nodes")),
        (clusters({"cluster_type": "a/b"}), ("clusters", 0, "cluster_type")),
        (clusters({"params": []}), ("clusters", 0, "params")),
        (clusters({"node": 1}), ("clusters", 0, "node")),
        ({"server": []}, ("server",)),
        ({"name": ".."}, ("name",)),
    ],
)
def test_what_does_not_fit_is_refused_at_its_place(wanted: dict[str, Any], where: tuple[object, ...]) -> None:
    with pytest.raises(ValidationError) as refusal:
        infra(**wanted)
    assert [error["loc"] for error in refusal.value.errors()] == [where]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (servers({}, {}), "servers[1].name: web is taken by servers[0]"),
        (servers({"count": 3}, {"name": "web-3"}), "servers[1].name: web-3 is taken by servers[0]"),
        (servers({"name": "n" * 62, "count": 10}), f"servers[0].name: {'n' * 62}-1 is longer than 63 char"),
        (servers({"name": "store-4"}) | clusters({}), "clusters[0].name: store-4 is taken by servers[0]"),
        (servers({"name": "store"}) | clusters({}), "clusters[0].name: store is taken by servers[0]"),
        (clusters({}, {"cluster_type": "web"}), "clusters[1].name: store is taken by clusters[0]"),
        (clusters({}, {"name": "store-1"}), "clusters[1].name: store-1 is taken by clusters[0]"),
        (
            servers(*({"name": f"s{number}", "count": 1000} for number in range(11))),
            "servers: 11000 are more than the 10000 that an infra may have",
        ),
    ],
)
def test_names_that_clash_are_told_with_both_places(wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        infra(**wanted)
    (error,) = refusal.value.errors()
    assert message in error["msg"]


def test_a_counted_name_leaves_the_plain_one_free() -> None:
    assert len(infra(**servers({"count": 1}, {})).server_specs()) == 2
