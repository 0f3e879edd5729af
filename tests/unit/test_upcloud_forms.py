"""What the UpCloud provider makes of plans, zones, labels, and UpCloud's errors, without asking anybody."""

from pathlib import Path
from typing import Any

import pytest

from activities.providers.upcloud.answers import Machine
from activities.providers.upcloud.failures import failure
from activities.providers.upcloud.labels import Inscription, inscription_of, labels_of, spec_of
from activities.providers.upcloud.making import build_upcloud
from activities.providers.upcloud.plans import check
from activities.settings import Settings, SettingsError
from workflows.domain.errors import InvalidRequest, NotFound, Refused, Unavailable
from workflows.domain.resources import ServerSpec


def spec(**changes: Any) -> ServerSpec:
    given = {"infra": "shop", "name": "web-01", "plan": "1xCPU-2GB", "zone": "de-fra1"} | changes
    return ServerSpec(provider="upcloud", **given)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"plan": "HIMEM-2xCPU-8GB"},
        {"plan": "GPU-8xCPU-64GB-1xL40S"},
        {"zone": "us-nyc1"},
        {"name": "web-01.example.com", "infra": "Shop_2"},
        {"image": "Ubuntu Server 24.04 LTS (Noble Numbat)", "ssh_user": "ops"},
        {"labels": {"env": "prod", "a key": "", "cost/center": "x" * 255}},
    ],
)
def test_takes_what_upcloud_has(changes: dict[str, Any]) -> None:
    check(spec(**changes))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"plan": "small"}, "plan 'small'"),
        ({"plan": "0xCPU-2GB"}, "plan '0xCPU-2GB'"),
        ({"plan": "1xCPU-2GB\n"}, "plan"),
        ({"zone": "nowhere"}, "zone 'nowhere'"),
        ({"zone": "de-fra1/../x"}, "zone"),
        ({"name": "web_01"}, "name 'web_01'"),
        ({"name": "web..01"}, "name"),
        ({"name": "x" * 64}, "name"),
        ({"infra": "sh op"}, "infra 'sh op'"),
        ({"image": ""}, "image"),
        ({"image": "a\nb"}, "image"),
        ({"ssh_user": "Root"}, "ssh_user 'Root'"),
        ({"labels": {"x": "too short a key"}}, "label 'x'"),
        ({"labels": {"_system": "x"}}, "label '_system'"),
        ({"labels": {"k" * 33: "x"}}, "label"),
        ({"labels": {"env": "x" * 256}}, "value of the label env"),
        ({"labels": {"managed-by": "me"}}, "label 'managed-by'"),
        ({"labels": {"provisioning-owner": "me"}}, "label 'provisioning-owner'"),
    ],
)
def test_refuses_what_cannot_be(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check(spec(**changes))
    assert named in caught.value.message


def test_a_spec_comes_back_from_its_labels() -> None:
    wanted = spec(labels={"env": "prod"}, image="Ubuntu Server 24.04 LTS (Noble Numbat)", ssh_user="ops")
    inscription = Inscription("owner-1", "attempt-1", "ssh-ed25519 AAAA")
    labels = {**labels_of(wanted, inscription), "_system": "UpCloud's own"}
    assert spec_of(labels, "upcloud", wanted.plan, wanted.zone) == wanted
    assert inscription_of(labels) == inscription
    plain = spec()
    labels = labels_of(plain, Inscription("owner-1", "attempt-1", None))
    assert spec_of(labels, "upcloud", plain.plan, plain.zone) == plain


def test_our_labels_fit_into_upclouds_limits() -> None:
    longest = spec(infra="x" * 63, name="y" * 63, image="z" * 255, ssh_user="u" * 32)
    check(longest)
    labels = labels_of(longest, Inscription("o" * 36, "a" * 32, "ssh-ed25519 " + "k" * 68))
    assert all(2 <= len(key) <= 32 and len(value) <= 255 for key, value in labels.items())


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "AUTHENTICATION_FAILED", Refused),
        (402, "INSUFFICIENT_CREDITS", Refused),
        (403, "SERVER_CORE_LIMIT_REACHED", Refused),
        (400, "PLAN_INVALID", Refused),
        (404, "ZONE_NOT_FOUND", Refused),
        (404, "STORAGE_NOT_FOUND", Refused),
        (404, "SERVER_NOT_FOUND", NotFound),
        (409, "SERVER_STATE_ILLEGAL", Unavailable),
        (409, "SERVER_RESOURCES_UNAVAILABLE", Unavailable),
        (429, "", Unavailable),
        (500, "", Unavailable),
        (502, "SOMETHING_NEW", Unavailable),
        (400, "SOMETHING_NEW", Refused),
    ],
)
def test_errors_are_told_apart_by_code_and_status(status: int, code: str, kind: type[Exception]) -> None:
    error = failure(status, code, "What UpCloud says.")
    assert type(error) is kind
    assert error.message == f"UpCloud: What UpCloud says. ({code or f'HTTP {status}'})"


def machine(*addresses: tuple[str, str, str]) -> Machine:
    listed = [{"access": access, "address": address, "family": f} for access, address, f in addresses]
    return Machine.model_validate(
        {
            "uuid": "00",
            "state": "started",
            "plan": "p",
            "zone": "z",
            "labels": {"label": []},
            "ip_addresses": {"ip_address": listed},
        }
    )


def test_the_address_is_of_the_wanted_kind_and_ipv4_where_there_is_one() -> None:
    both = machine(
        ("utility", "10.0.0.1", "IPv4"), ("public", "2001:db8::1", "IPv6"), ("public", "192.0.2.1", "IPv4")
    )
    assert both.address("public") == "192.0.2.1"
    assert both.address("private") == "10.0.0.1"
    assert machine(("public", "2001:db8::1", "IPv6")).address("public") == "2001:db8::1"
    assert machine(("public", "192.0.2.1", "IPv4")).address("private") is None


def settings(tmp_path: Path, **variables: str) -> Settings:
    named = {f"PROVISIONING_UPCLOUD_{name}": value for name, value in variables.items()}
    return Settings.from_environment({"PROVISIONING_STATE_DIR": str(tmp_path), **named})


@pytest.mark.parametrize(
    "variables",
    [
        {"TOKEN": "t"},
        {"TOKEN_FILE": "/t"},
        {"USERNAME": "u", "PASSWORD": "p"},
        {"USERNAME": "u", "PASSWORD_FILE": "/p"},
    ],
)
def test_there_is_a_provider_where_there_are_credentials(tmp_path: Path, variables: dict[str, str]) -> None:
    assert build_upcloud(settings(tmp_path, **variables)) is not None


@pytest.mark.parametrize("variables", [{}, {"USERNAME": "u"}, {"PASSWORD": "p"}, {"TEMPLATE": "Debian"}])
def test_there_is_none_without_them(tmp_path: Path, variables: dict[str, str]) -> None:
    assert build_upcloud(settings(tmp_path, **variables)) is None


@pytest.mark.parametrize("url", ["http://api.upcloud.com/1.3", "http://127.0.0.1.evil.example/", "ftp://x/"])
def test_credentials_go_nowhere_without_tls_but_to_this_machine(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="PROVISIONING_UPCLOUD_URL"):
        settings(tmp_path, URL=url)
    for allowed in ("https://api.upcloud.com/1.3", "http://127.0.0.1:8080/1.3", "http://localhost:80/1.3"):
        assert settings(tmp_path, URL=allowed).upcloud_url == allowed
