"""Operation configs: what fits, what is refused, and where the refusal points."""

import pytest
from pydantic import ValidationError

from workflows.domain.operations import (
    CreateServersConfig,
    DeleteServersConfig,
    TaskservsConfig,
    config_model,
)

SERVER = {"name": "web-01", "plan": "1xCPU-2GB", "zone": "de-fra1"}


def test_a_count_numbers_the_servers() -> None:
    config = CreateServersConfig.model_validate({"server_configs": [{**SERVER, "count": 3}, SERVER]})
    assert [spec.name for spec in config.specs("local")] == ["web-01-1", "web-01-2", "web-01-3", "web-01"]


def test_the_model_follows_the_operation() -> None:
    assert config_model("server_batch", {"operation": "delete"}) is DeleteServersConfig
    assert config_model("server_batch", {}) is CreateServersConfig
    assert config_model("taskserv_batch", {"operation": "delete"}) is TaskservsConfig


def test_a_bare_name_is_a_task_service_without_parameters() -> None:
    config = TaskservsConfig.model_validate({"taskservs": ["a", {"name": "b", "params": {"port": 1}}]})
    assert [(item.name, item.params) for item in config.taskservs] == [("a", {}), ("b", {"port": 1})]


@pytest.mark.parametrize(
    ("config", "where"),
    [
        ({}, ("server_configs",)),
        ({"server_configs": []}, ("server_configs",)),
        ({"server_configs": [{**SERVER, "plann": "x"}]}, ("server_configs", 0, "plann")),
        ({"server_configs": [{"name": "a", "zone": "z"}]}, ("server_configs", 0, "plan")),
        ({"server_configs": [{**SERVER, "name": "../etc"}]}, ("server_configs", 0, "name")),
        ({"server_configs": [{**SERVER, "count": 0}]}, ("server_configs", 0, "count")),
        ({"server_configs": [SERVER], "operation": "explode"}, ("operation",)),
        ({"server_configs": [SERVER], "on_failure": "shrug"}, ("on_failure",)),
        ({"server_configs": [SERVER], "timeout": 0}, ("timeout",)),
    ],
)
def test_what_does_not_fit_is_refused_at_its_place(config: dict[str, object], where: tuple[object]) -> None:
    with pytest.raises(ValidationError) as refusal:
        config_model("server_batch", config).model_validate(config)
    assert [error["loc"] for error in refusal.value.errors()] == [where]
