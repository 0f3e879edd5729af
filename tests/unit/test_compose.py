"""compose.yaml: valid, and of one mind with the settings, the secrets and the files that it names."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import yaml

from activities.remote.keys import client_key
from activities.settings import PREFIX, SECRETS, Settings
from tests.support.env_files import variables
from tests.support.stack import ROOT
from worker import GRACE

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
OURS = ("api", "worker")


@pytest.fixture(scope="module")
def services() -> Mapping[str, Any]:
    return parsed()["services"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the command makes."""
    folder = tmp_path_factory.mktemp("secrets") / "made"
    subprocess.run([DEPLOY / "secrets.sh", folder], check=True, capture_output=True)
    return folder


def parsed() -> Any:
    return yaml.safe_load(COMPOSE.read_text())


def test_it_is_valid() -> None:
    checker = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec")
    checked = subprocess.run([*checker, COMPOSE], check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_what_can_be_chosen_stands_in_the_example() -> None:
    chosen = dict(re.findall(r"\$\{(\w+):-([^}]*)}", COMPOSE.read_text()))
    example = variables(DEPLOY / "env.example")
    assert {name: example.get(name) for name in chosen} == chosen
    others = {name for name in example if not name.startswith(PREFIX)}
    assert others == {*chosen, "FORWARDED_ALLOW_IPS"}


@pytest.mark.parametrize("name", OURS)
def test_the_settings_can_be_used(services: Mapping[str, Any], secrets: Path, name: str) -> None:
    given = {
        variable: str(value).replace("/run/secrets", str(secrets))
        for variable, value in services[name]["environment"].items()
        if variable.startswith(PREFIX)
    }
    settings = Settings.from_environment(given)
    assert settings.mongodb_target.startswith("mongodb://provisioning:")
    assert settings.local_isolation == "off"


@pytest.mark.parametrize("name", OURS)
def test_each_secret_that_is_read_is_given(services: Mapping[str, Any], name: str) -> None:
    read = {Path(v).name for v in services[name]["environment"].values() if str(v).startswith("/run/")}
    assert read == {secret for secret in services[name]["secrets"] if isinstance(secret, str)}


def test_the_api_makes_up_no_secret(services: Mapping[str, Any]) -> None:
    """Each of several processes would make up its own."""
    made_up = {"admin_password", "jwt_secret", "encryption_key"}
    assert made_up <= set(SECRETS)
    assert {f"{PREFIX}{name.upper()}_FILE" for name in made_up} <= services["api"]["environment"].keys()


def test_every_secret_is_made_once_and_used(secrets: Path) -> None:
    described = {Path(secret["file"]).name for secret in parsed()["secrets"].values()}
    made = {path.name: path.read_bytes() for path in secrets.iterdir()}
    assert made.keys() == described == set(used_secrets())
    assert secrets.stat().st_mode & 0o077 == 0
    subprocess.run([DEPLOY / "secrets.sh", secrets], check=True, capture_output=True)
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == made


def test_the_workers_take_the_key_that_is_given(
    services: Mapping[str, Any], secrets: Path, tmp_path: Path
) -> None:
    given = next(secret for secret in services["worker"]["secrets"] if isinstance(secret, dict))
    place = tmp_path / Path(given["target"]).relative_to("/state")
    place.parent.mkdir()
    place.write_bytes((secrets / given["source"]).read_bytes())
    given_key = asyncssh.read_private_key(place)
    assert client_key(tmp_path).export_public_key() == given_key.export_public_key()
    assert list(place.parent.iterdir()) == [place]  # it may be a folder that nobody can write to


def used_secrets() -> Iterator[str]:
    for service in parsed()["services"].values():
        for secret in service.get("secrets", ()):
            yield secret if isinstance(secret, str) else secret["source"]


def test_every_file_that_is_mounted_is_there(services: Mapping[str, Any]) -> None:
    mounts = [
        mount.partition(":")[0] for service in services.values() for mount in service.get("volumes", ())
    ]
    files = [mount for mount in mounts if mount.startswith("./")]
    assert len(files) > 3
    assert [file for file in files if not (DEPLOY / file).exists()] == []


@pytest.mark.parametrize("name", [*OURS, "proxy"])
def test_what_faces_others_may_do_little(services: Mapping[str, Any], name: str) -> None:
    service = services[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_only_the_proxy_is_reached_from_outside(services: Mapping[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports.keys() == {"proxy", "temporal-ui"}
    assert all(port.startswith("127.0.0.1:") for port in ports["temporal-ui"])
    assert parsed()["networks"]["back"]["internal"]


def test_a_worker_has_time_to_end(services: Mapping[str, Any]) -> None:
    seconds = int(services["worker"]["stop_grace_period"].removesuffix("s"))
    assert seconds >= 10 * GRACE.total_seconds()


def test_the_api_and_the_page_are_reached_from_outside(services: Mapping[str, Any], tmp_path: Path) -> None:
    """As Caddy itself reads its file: where it listens, and what is behind that."""
    caddy, file = Path(sys.executable).with_name("caddy"), DEPLOY / "compose/Caddyfile"
    adapted = subprocess.run(
        [caddy, "adapt", "--validate", "--config", file],
        env={"HOME": str(tmp_path), "DOMAIN": "provisioning.example.org"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert adapted.returncode == 0, adapted.stderr
    servers = json.loads(adapted.stdout)["apps"]["http"]["servers"].values()
    behind = {}
    for server in servers:
        (port,) = (listener.removeprefix(":") for listener in server["listen"])
        (upstreams,) = re.findall(r'"dynamic_upstreams": ({[^}]*})', json.dumps(server["routes"]))
        behind[port] = (json.loads(upstreams)["name"], json.loads(upstreams)["port"])
    assert behind == {"443": ("api", "8080"), "8081": ("api", "8081")}
    assert set(behind) <= {published.split(":")[0] for published in services["proxy"]["ports"]}
    settings = Settings()
    served = {str(settings.api_port), str(settings.control_center_port)}
    assert {port for _, port in behind.values()} == served
