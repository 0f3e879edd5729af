"""What is refused for AWS without asking anybody, and how the settings are read."""

from pathlib import Path
from typing import Any

import pytest

from activities.monitoring_ports import AccessCheck
from activities.provider_ports import AbandonsAttempts
from activities.providers.aws.provider import AwsProvider
from activities.providers.registry import build_providers
from activities.settings import Settings, SettingsError
from workflows.domain.errors import InvalidRequest
from workflows.domain.resources import ServerSpec

KEYS = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "secret"}


def settings(folder: Path, **changes: Any) -> Settings:
    values = {"state_dir": folder, "local_isolation": "process", "aws_regions": "eu-west-1, us-gov-west-1"}
    return Settings.model_validate(values | KEYS | changes)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> AwsProvider:
    return AwsProvider(settings(tmp_path_factory.mktemp("aws")))


def spec(**changes: Any) -> ServerSpec:
    values = {"infra": "shop", "name": "web", "provider": "aws", "plan": "t3.micro", "zone": "eu-west-1a"}
    return ServerSpec.model_validate(values | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"plan": "u-6tb1.112xlarge"},
        {"plan": "mac2-m2pro.metal"},
        {"plan": "c7a.metal-48xl"},
        {"zone": "eu-west-1c"},
        {"zone": "us-gov-west-1b"},
        {"zone": "eu-west-1-dub-1a"},
        {"zone": "eu-west-1-wl1-dub-wlz-1a"},
        {"image": "ami-12345678"},
        {"image": "ami-0123456789abcdef0"},
        {"image": "136693071363/debian-12-amd64-*"},
        {"image": "amazon/al2023-ami-2023.*-x86_64"},
        {"labels": {"team": "blue", "ünï code": ""}},
        {"labels": {str(number): "" for number in range(40)}},
    ],
)
def test_what_can_be_at_aws_passes(provider: AwsProvider, changes: dict[str, Any]) -> None:
    provider.check(spec(**changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"plan": "2xCPU-4GB"}, r"shop/web: AWS has no plan '2xCPU-4GB'; .* such as t3.micro"),
        ({"plan": "t3"}, "no plan 't3'"),
        ({"plan": "t3.micro\n"}, "no plan"),
        (
            {"zone": "eu-west-1"},
            r"no zone 'eu-west-1' here; .* of eu-west-1, us-gov-west-1, such as eu-west-1a",
        ),
        ({"zone": "eu-west-2a"}, "no zone 'eu-west-2a' here"),
        ({"zone": "eu-west-11"}, "no zone"),
        ({"zone": "eu-west-1a "}, "no zone"),
        ({"image": "debian-12"}, "shop/web: 'debian-12' is no image of AWS"),
        ({"image": "ami-xyz"}, "no image of AWS"),
        ({"image": "12345/debian"}, "no image of AWS"),
        ({"labels": {"Name": "x"}}, "the label 'Name' is a tag that"),
        ({"labels": {"managed-by": "x"}}, "the label 'managed-by' is a tag that"),
        ({"labels": {"aws:cost": "x"}}, "the label 'aws:cost' is a tag that"),
        ({"labels": {"provisioning:owner": "x"}}, "the label 'provisioning:owner' is a tag that"),
        ({"labels": {"k" * 129: "x"}}, "too long"),
        ({"labels": {str(number): "" for number in range(41)}}, "41 labels are more than the 40"),
    ],
)
def test_what_cannot_be_is_told_with_what_can(
    provider: AwsProvider, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words):
        provider.check(spec(**changes))


def test_it_is_offered_where_regions_are_set_and_says_otherwise_what_it_needs(tmp_path: Path) -> None:
    assert isinstance(build_providers(settings(tmp_path)).get("aws"), AwsProvider)
    without = build_providers(settings(tmp_path, aws_regions=""))
    assert list(without.names()) == ["local"]
    with pytest.raises(InvalidRequest, match="not configured here; it needs PROVISIONING_AWS_REGIONS, and"):
        without.get("aws")


def test_it_has_what_a_provider_may_have_besides(provider: AwsProvider) -> None:
    assert isinstance(provider, AccessCheck)
    assert isinstance(provider, AbandonsAttempts)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"aws_secret_access_key": None}, "PROVISIONING_AWS_ACCESS_KEY_ID and .* go together"),
        ({"aws_image": "debian"}, "PROVISIONING_AWS_IMAGE: 'debian' is no image of AWS"),
        ({"aws_ssh_sources": "192.0.2.1/24"}, "PROVISIONING_AWS_SSH_SOURCES: .*192.0.2.1/24"),
        ({"aws_open_ports": "80, http"}, "PROVISIONING_AWS_OPEN_PORTS: 'http' is no port"),
        ({"aws_open_ports": "0"}, "PROVISIONING_AWS_OPEN_PORTS: '0' is no port"),
    ],
)
def test_settings_that_cannot_be_used_are_told_at_the_start(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        build_providers(settings(tmp_path, **changes))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROVISIONING_AWS_REGIONS", "eu-west"),
        ("PROVISIONING_AWS_REGIONS", "eu-west-1a"),
        ("PROVISIONING_AWS_ENDPOINT_URL", "http://user:secret@host"),
        ("PROVISIONING_AWS_ADDRESS", "elastic"),
        ("PROVISIONING_AWS_SSH_USER", "Admin"),
    ],
)
def test_settings_of_the_wrong_form_are_told_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({name: value})
