"""The door: what cannot be carried out is refused with its place, and what can is passed on unchanged."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from activities.catalogue.catalogue import Catalogue
from activities.catalogue.cluster_types import ClusterCatalogue
from activities.providers.registry import build_providers
from activities.settings import Settings
from api.schemas.batch_operations import BatchOperationRequest
from api.submission import BatchDoor
from workflows.domain.batches import BatchSpec
from workflows.domain.errors import InvalidRequest
from workflows.domain.operations import CreateServersConfig, DeleteServersConfig, TaskservsConfig

NOW = datetime.now(UTC)


@pytest.fixture
def door(tmp_path: Path) -> BatchDoor:
    providers = build_providers(Settings(state_dir=tmp_path, local_isolation="process"))
    return BatchDoor(providers, ClusterCatalogue.load(Catalogue.load()), max_operations=50, max_servers=100)


def server(name: str = "web", **more: Any) -> dict[str, Any]:
    return {"name": name, "plan": "1xCPU-2GB", "zone": "local"} | more


def servers(name: str, *configs: dict[str, Any], needs: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    config = {"server_configs": list(configs or (server(name),))} | more
    return {"id": name, "type": "server_batch", "provider": "local", "dependencies": needs, "config": config}


def services(name: str, *names: Any, needs: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    config = {"taskservs": list(names)} | more
    return {
        "id": name,
        "type": "taskserv_batch",
        "provider": "local",
        "dependencies": needs,
        "config": config,
    }


def admit(door: BatchDoor, *operations: dict[str, Any], **more: Any) -> BatchSpec:
    wanted = {"name": "n", "operations": operations} | more
    return door.admit(BatchOperationRequest.model_validate(wanted, strict=False), "somebody", NOW)


def refusal(door: BatchDoor, *operations: dict[str, Any], **more: Any) -> str:
    with pytest.raises(InvalidRequest) as refused:
        admit(door, *operations, **more)
    return refused.value.message


def test_what_can_be_done_is_passed_on(door: BatchDoor) -> None:
    batch = admit(
        door,
        servers("make", server("web", count=3, labels={"app.kubernetes.io/name": "x"}), infra="prod"),
        services("install", "redis", {"name": "nginx", "params": {}}, needs=("make", "make"), timeout=60),
        servers("drop", {"name": "old"}, operation="delete"),
        parallel_limit=7,
        rollback_enabled=False,
    )
    make, install, drop = batch.operations
    assert isinstance(make.config, CreateServersConfig)
    assert [spec.key for spec in make.config.specs("local")] == ["prod/web-1", "prod/web-2", "prod/web-3"]
    assert isinstance(install.config, TaskservsConfig)
    assert install.dependencies == ("make",)
    assert isinstance(drop.config, DeleteServersConfig)
    assert (batch.parallel_limit, batch.rollback_enabled) == (7, False)
    assert (batch.requested_by, batch.created_at) == ("somebody", NOW)
    assert admit(door, servers("a")).batch_id != batch.batch_id


@pytest.mark.parametrize(
    ("operations", "told"),
    [
        ([], "operations: a batch needs at least one operation"),
        ([servers("a"), servers("a")], "duplicate operation id: a"),
        ([servers("a", needs=("a",))], "operation depends on itself: a"),
        ([servers("a", needs=("b", "c"))], "unknown dependency: b (of a), c (of a)"),
        ([servers("a", needs=("b",)), servers("b", needs=("a",))], "cycle: "),
        ([servers(f"o{n}") for n in range(51)], "51 are more than the 50 allowed"),
    ],
)
def test_what_is_no_graph(door: BatchDoor, operations: list[dict[str, Any]], told: str) -> None:
    assert told in refusal(door, *operations)


@pytest.mark.parametrize(
    ("operation", "place"),
    [
        (servers("a") | {"provider": "mars"}, "provider: there is no provider 'mars'"),
        (servers("a") | {"type": "cluster_batch"}, "config.clusters: Field required"),
        (servers("a") | {"config": {}}, "config.server_configs: "),
        (servers("a", {"name": "x", "plan": "1xCPU-2GB"}), "config.server_configs[0].zone: "),
        (servers("a", server(), server("b", plan="huge")), "config.server_configs[1]: "),
        (servers("a", server(zone="moon")), "config.server_configs[0]: "),
        (servers("a", server(count="3")), "config.server_configs[0].count: "),
        (servers("a", server(count=True)), "config.server_configs[0].count: "),
        (servers("a", server(count=0)), "config.server_configs[0].count: "),
        (servers("a", server("x" * 63, count=10)), "config.server_configs[0].name: "),
        (servers("a", server("../x")), "config.server_configs[0].name: "),
        (servers("a", server(color="red")), "config.server_configs[0].color: "),
        (servers("a", on_failure="explode"), "config.on_failure: "),
        (servers("a", timeout=0), "config.timeout: "),
        (servers("a", operation="paint"), "config.operation: "),
        (services("a"), "config.taskservs: "),
        (services("a", "nothing-such"), "config.taskservs[0]: "),
        (services("a", "redis", "redis"), "config.taskservs[1]: redis stands here twice"),
        (services("a", {"name": "redis", "params": {"nothing": 1}}), "config.taskservs[0]: "),
        (services("a", "redis", servers=[]), "config.servers: "),
        (services("a", "redis", operation="explode"), "config.operation: "),
        (
            services("a", {"name": "redis", "params": {"nothing": 1}}, operation="configure"),
            "config.taskservs[0]: task service redis: unknown parameter 'nothing'",
        ),
        (
            services("a", {"name": "redis", "params": {"port": 1}}, operation="restart"),
            "config.taskservs[0]: task service redis: a restart changes no parameters, such as port",
        ),
        (
            services("a", {"name": "redis", "params": {"start_timeout": 0}}, operation="restart"),
            "config.taskservs[0]: task service redis: parameter 'start_timeout' must be at least 1",
        ),
        (
            services("a", "redis", servers=["x"], server_params={"x": {"redis": {"nothing": 1}}}),
            "config.server_params.x.redis: task service redis: unknown parameter 'nothing'",
        ),
        (
            services(
                *("a", "redis"),
                operation="restart",
                servers=["x"],
                server_params={"x": {"redis": {"port": 1}}},
            ),
            "config.server_params.x.redis: task service redis: a restart changes no parameters, such as port",
        ),
        (
            services("a", "redis", servers=["x"], server_params={"x": {"nginx": {}}}),
            "config.server_params.x.nginx: nginx is none of config.taskservs",
        ),
        (
            services("a", "redis", servers=["x"], server_params={"y": {"redis": {}}}),
            "config.server_params.y: y is none of config.servers",
        ),
        (services("a", "redis", server_params={"w": {"redis": {"x": 1}}}), "config.server_params.w.redis: "),
        (services("a", "redis", server_params={"w": {"nginx": {}}}), "config.server_params.w.nginx: "),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(
    door: BatchDoor, operation: dict[str, Any], place: str
) -> None:
    assert f"operations[1].{place}" in refusal(door, servers("fine"), operation)


def test_several_mistakes_are_told_at_once(door: BatchDoor) -> None:
    told = refusal(door, servers("a", server(plan="huge")), services("b", "nothing-such"))
    assert "operations[0].config" in told
    assert "operations[1].config" in told


def test_the_same_server_from_two_operations_names_both(door: BatchDoor) -> None:
    told = refusal(door, servers("a", server("web", count=2)), servers("b", server("web-2")))
    assert "default/web-2" in told
    assert "a and b" in told


def test_the_same_name_in_another_infra_is_another_server(door: BatchDoor) -> None:
    admit(door, servers("a", server("web")), servers("b", server("web"), infra="other"))


def test_no_more_servers_than_allowed_however_they_are_counted(door: BatchDoor) -> None:
    admit(door, servers("a", server("w", count=100)))
    assert "more than 100 servers" in refusal(door, servers("a", server("w", count=99), server("v", count=2)))


@pytest.mark.parametrize("storage", ["filesystem", "surrealdb"])
def test_the_storage_is_what_was_asked_for(door: BatchDoor, storage: str) -> None:
    assert admit(door, servers("a"), storage_backend=storage).storage_backend == storage


def test_mistakes_are_not_listed_by_the_million(door: BatchDoor) -> None:
    """A config has room for millions; of a long one the first is told."""
    told = refusal(door, servers("a", *[{}] * 10_000), servers("b", {}))
    assert told.startswith("operations[0].config.server_configs[0].name: ")
    assert "server_configs[1]" not in told
    assert "operations[1].config" in told
