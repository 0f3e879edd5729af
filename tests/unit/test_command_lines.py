"""The command lines of tasks, and that the command line makes the same work of them again."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue
from typer.testing import CliRunner

from api.cli.app import app
from tests.support.batches import batch, server_operation, taskserv_operation
from workflows.domain.command_lines import command_line, command_lines, rollback_of, rollback_to
from workflows.domain.operations import (
    ClusterOperation,
    CreateServersConfig,
    DeleteServersConfig,
    OperationSpec,
    ServerOperation,
    TaskservOperation,
    config_model,
)
from workflows.domain.states import FailureAction

RUNNER = CliRunner()


def servers(**config: object) -> ServerOperation:
    wanted = [{"name": "web-01", "plan": "small", "zone": "here"}]
    return ServerOperation.model_validate(
        {"id": "op", "provider": "local", "config": {"server_configs": wanted, **config}}
    )


def taskservs(**config: object) -> TaskservOperation:
    return TaskservOperation.model_validate(
        {"id": "op", "provider": "aws", "config": {"taskservs": ["redis", {"name": "nginx"}], **config}}
    )


def test_it_says_what_is_done_and_with_what() -> None:
    assert command_line(servers()) == (
        *("servers", "create", "--infra", "default", "--provider", "local"),
        *("--plan", "small", "--zone", "here", "web-01"),
    )
    assert command_line(servers(operation="delete", infra="lab", timeout=60)) == (
        *("servers", "delete", "--infra", "lab", "--provider", "local", "--timeout", "60", "web-01"),
    )
    assert command_line(taskservs()) == (
        *("taskserv", "create", "redis", "nginx", "--infra", "default", "--provider", "aws"),
    )
    assert command_line(taskservs(operation="delete", servers=["a", "b"])) == (
        *("taskserv", "delete", "redis", "nginx", "--servers", "a,b"),
        *("--infra", "default", "--provider", "aws"),
    )


def test_many_servers_of_one_name_stay_one_word() -> None:
    many = [{"name": "web", "plan": "small", "zone": "here", "count": 1000}]
    assert command_line(servers(server_configs=many))[-1] == "web-{1..1000}"


def test_servers_that_differ_are_described_one_by_one() -> None:
    two = [
        {"name": "web", "plan": "small", "zone": "here", "count": 2},
        {"name": "db", "plan": "large", "zone": "here", "labels": {"role": "data"}},
    ]
    words = command_line(servers(server_configs=two))
    assert [json.loads(word) for word in words if word.startswith("{")] == two


def test_parameters_are_typed_as_they_are_meant() -> None:
    params: dict[str, JsonValue] = {"port": 80, "on": True, "text": "a b", "digits": "80", "none": None}
    words = command_line(taskservs(taskservs=[{"name": "redis", "params": params}]))
    typed = [word for word in words if word.startswith("redis.")]
    assert typed == [
        *("redis.port=80", "redis.on=true", "redis.text=a b", 'redis.digits="80"', "redis.none=null"),
    ]


def test_parameters_of_one_server_name_it() -> None:
    own = {"b": {"nginx": {"port": 81}}, "a.x": {"redis": {"port": 82}}}
    words = command_line(taskservs(server_params=own))
    assert words[4:8] == ("--param", "b/nginx.port=81", "--param", "a.x/redis.port=82")


def test_it_goes_where_its_dependencies_send_it_in_the_batch() -> None:
    lines = command_lines(
        batch(
            server_operation("here", infra="shop", servers=["a", "b"]),
            taskserv_operation("on-it", ["here"]),
            taskserv_operation("too", ["on-it"]),
        )
    )
    assert lines["on-it"] == lines["too"]
    assert lines["on-it"][-6:] == ("--servers", "a,b", "--infra", "shop", "--provider", "memory")


def test_it_says_what_a_failure_means_in_the_batch() -> None:
    lines = command_lines(
        batch(
            server_operation("plain"),
            server_operation("own", on_failure=FailureAction.FAIL),
            rollback_enabled=False,
        )
    )
    assert [line[6:8] for line in lines.values()] == [("--on-failure", "continue"), ("--on-failure", "fail")]


def test_a_rollback_too_long_to_be_typed_cannot_be_run() -> None:
    assert rollback_to("c") == ("rollback", "--checkpoint", "c")
    assert rollback_of(["a", "b/c"]) == ("rollback", "--operation", "a", "--operation", "b/c")
    words = rollback_of([f"operation-{number:07}" for number in range(9_000)])
    assert (len(words), words[-1]) == (42, "and 8980 more")
    refused = RUNNER.invoke(app, list(words))
    assert (refused.exit_code, "and 8980 more" in refused.output) == (2, True)


texts = st.text(st.characters(exclude_categories=["C"]), max_size=12)
labels = texts.filter(bool)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=4,
)
names = st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z]{1,3})?", fullmatch=True)
"""None is another's with a number behind it."""
limits = st.fixed_dictionaries(
    {"infra": names},
    optional={
        "timeout": st.integers(1, 600_000),
        "on_failure": st.sampled_from(FailureAction),
        "check_mode": st.booleans(),
    },
)
wanted_servers = st.lists(
    st.fixed_dictionaries(
        {"name": names, "plan": labels, "zone": labels},
        optional={
            "count": st.integers(1, 1000),
            "labels": st.dictionaries(labels, texts, max_size=2),
            "provider": names,
            "image": labels,
            "ssh_user": st.from_regex(r"[a-z_][a-z0-9_-]{0,8}", fullmatch=True),
        },
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda server: str(server["name"]),
)
parameters = st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]*", fullmatch=True), values)
wanted_taskservs = st.lists(
    st.fixed_dictionaries(
        {"name": names},
        optional={"params": parameters},
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda taskserv: str(taskserv["name"]),
)
wanted_clusters = st.lists(
    st.fixed_dictionaries(
        {"name": names, "cluster_type": names, "plan": labels, "zone": labels, "nodes": st.integers(1, 100)},
        optional={"version": labels, "params": parameters, "provider": names},
    ),
    min_size=1,
    max_size=2,
)


@st.composite
def operations(draw: st.DrawFn) -> OperationSpec:
    config: dict[str, Any] = draw(limits)
    provider = draw(labels)
    match draw(st.sampled_from(["create", "delete", "taskserv", "cluster"])):
        case "create":
            # Alike but for their names, as often as not.
            servers = draw(wanted_servers)
            if draw(st.booleans()):
                servers = [{**servers[0], "name": server["name"]} for server in servers]
            config |= {"server_configs": servers}
        case "delete":
            counted = st.fixed_dictionaries({"name": names}, optional={"count": st.integers(1, 1000)})
            config |= {
                "operation": "delete",
                "server_configs": draw(st.lists(counted, min_size=1, max_size=3)),
            }
        case "cluster":
            work = draw(st.sampled_from(["create", "scale", "upgrade", "delete"]))
            config |= {"operation": work, "clusters": draw(wanted_clusters)}
            return ClusterOperation.model_validate({"id": "op", "provider": provider, "config": config})
        case _:
            taskservs = draw(wanted_taskservs)
            own = st.dictionaries(
                st.sampled_from([one["name"] for one in taskservs]), parameters.filter(bool), min_size=1
            )
            config |= {
                "operation": draw(st.sampled_from(["create", "delete", "restart", "configure"])),
                "taskservs": taskservs,
                "server_params": draw(st.dictionaries(names, own, max_size=2)),
                "servers": draw(st.none() | st.lists(names, min_size=1, max_size=3, unique=True)),
            }
            return TaskservOperation.model_validate({"id": "op", "provider": provider, "config": config})
    return ServerOperation.model_validate({"id": "op", "provider": provider, "config": config})


@settings(max_examples=50, deadline=None)
@given(operations())
def test_the_command_line_makes_the_same_work_of_it(operation: OperationSpec) -> None:
    on_failure = operation.config.on_failure or FailureAction.ROLLBACK
    words = command_line(operation, on_failure=on_failure)
    shown = RUNNER.invoke(app, [*words, "--show-batch"])
    assert shown.exit_code == 0, shown.output
    (sent,) = json.loads(shown.stdout)["operations"]
    assert (sent["type"], sent["provider"]) == (operation.type, operation.provider)
    config = config_model(sent["type"], sent["config"]).model_validate_json(json.dumps(sent["config"]))
    expected = operation.config
    if on_failure is FailureAction.ROLLBACK:
        expected = expected.model_copy(update={"on_failure": None})
    assert isinstance(config, CreateServersConfig | DeleteServersConfig | type(expected))
    assert config == expected
