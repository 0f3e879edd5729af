"""The catalogue refuses what cannot work, before anything is started."""

from pathlib import Path

import pytest

from activities.catalogue.catalogue import SCRIPTS, Catalogue
from workflows.domain.errors import InvalidRequest
from workflows.domain.resources import Params

DESCRIPTION = """
name: {name}
description: for this test
parameters:
  port: {{type: integer, default: 7000, minimum: 1, maximum: 65535}}
  ratio: {{type: number, default: 0.5}}
  mode: {{type: string, default: fast, choices: [fast, safe]}}
  label: {{type: string, default: a, pattern: "[a-z]+"}}
  quiet: {{type: boolean, default: false}}
requires: [{requires}]
health: {{kind: tcp}}
variants: [{{kind: plain}}]
"""


def write(folder: Path, name: str, *requires: str, text: str = DESCRIPTION) -> None:
    path = folder / name
    path.mkdir(parents=True, exist_ok=True)
    (path / "service.yaml").write_text(text.format(name=name, requires=", ".join(requires)))
    for script in SCRIPTS:
        (path / script).write_text("true\n")


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    write(tmp_path, "base")
    write(tmp_path, "left", "base")
    write(tmp_path, "right", "base")
    write(tmp_path, "top", "right", "left")
    return Catalogue.load([tmp_path])


def test_the_built_in_services_are_there() -> None:
    there = {"caddy", "containerd", "etcd", "nginx", "pgbouncer", "postgresql", "redis"}
    assert there | {"kubernetes", "cilium"} == set(Catalogue.load().names())


def test_a_network_brings_its_cluster_along_and_that_its_containers() -> None:
    assert Catalogue.load().expand(["cilium"]) == ["containerd", "kubernetes", "cilium"]
    # As the contract's example names them.
    assert Catalogue.load().expand(["kubernetes", "cilium"]) == ["containerd", "kubernetes", "cilium"]


def test_expansion_puts_what_is_required_first_and_each_once(catalogue: Catalogue) -> None:
    assert catalogue.expand(["top"]) == ["base", "left", "right", "top"]
    assert catalogue.expand(["left", "base", "left"]) == ["base", "left"]
    assert catalogue.in_order(["top", "base"]) == ["base", "top"]


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"prot": 1}, "unknown parameter 'prot'"),
        ({"port": "80"}, "'port' must be of type integer, not '80'"),
        ({"port": True}, "'port' must be of type integer, not True"),
        ({"port": 1.5}, "'port' must be of type integer"),
        ({"port": None}, "'port' must be of type integer"),
        ({"port": 0}, "'port' must be at least 1, not 0"),
        ({"port": 65536}, "'port' must be at most 65535, not 65536"),
        ({"ratio": "x"}, "'ratio' must be of type number"),
        ({"mode": "slow"}, "'mode' must be one of fast, safe, not 'slow'"),
        ({"label": "A"}, "'label' must match"),
        ({"label": "a\nb"}, "'label' must not contain control characters"),
        ({"label": "a" * 1001}, "'label' must not be longer"),
        ({"quiet": 1}, "'quiet' must be of type boolean"),
        ({"quiet": ["yes"]}, "'quiet' must be of type boolean"),
        ({"start_timeout": 0}, "'start_timeout' must be at least 1"),
    ],
)
def test_params_that_do_not_fit_are_named(catalogue: Catalogue, params: Params, problem: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        catalogue.check("base", params)
    assert problem in error.value.message


def test_params_that_fit_pass(catalogue: Catalogue) -> None:
    catalogue.check(
        "base", {"port": 80, "ratio": 1, "mode": "safe", "label": "z", "quiet": True, "start_timeout": 9}
    )
    catalogue.check("base", {})


def test_an_unknown_service_is_answered_with_the_known_ones(catalogue: Catalogue) -> None:
    with pytest.raises(InvalidRequest, match=r"unknown task service 'bass'; there are base, .*redis.*top"):
        catalogue.check("bass", {})


def test_what_is_not_said_stays_as_it_is(catalogue: Catalogue) -> None:
    service = catalogue.get("base").service
    assert service.resolve({}, {"port": 1})["mode"] == "fast"
    resolved = service.resolve({"mode": "safe", "forgotten": 1}, {"port": 1, "start_timeout": 5})
    assert resolved == {"port": 1, "ratio": 0.5, "mode": "safe", "label": "a", "quiet": False}


def test_a_later_folder_wins(tmp_path: Path) -> None:
    write(tmp_path / "one", "nginx")
    write(tmp_path / "two", "nginx", text=DESCRIPTION.replace("for this test", "the last one"))
    catalogue = Catalogue.load([tmp_path / "one", tmp_path / "two"])
    assert catalogue.get("nginx").service.description == "the last one"


def test_a_folder_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        Catalogue.load([tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("kind: tcp", "kind: smell", "health.kind"),
        ("default: 7000", "default: none", "its default must be of type integer"),
        ("port:", "gate:", "port parameter 'port'"),
        ("health:", "joins: port\nhealth:", "the parameter 'port' to join by"),
        ("health:", "joins: other\nhealth:", "the parameter 'other' to join by"),
        ("requires:", "needs:", "needs"),
        ("name: {name}", "name: other", "named other"),
        ("kind: tcp", "kind: command", "script missing: health"),
        ("description:", "description: [", "service.yaml"),
    ],
)
def test_a_description_that_cannot_work_is_refused_at_load(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    write(tmp_path, "odd", text=DESCRIPTION.replace(old, new))
    with pytest.raises(ValueError, match="odd") as error:
        Catalogue.load([tmp_path])
    assert problem in str(error.value)


def test_a_missing_script_is_refused_at_load(tmp_path: Path) -> None:
    write(tmp_path, "odd")
    (tmp_path / "odd" / "delete").unlink()
    with pytest.raises(ValueError, match="script missing: delete"):
        Catalogue.load([tmp_path])


def test_requirements_are_checked_at_load(tmp_path: Path) -> None:
    write(tmp_path, "one", "two")
    with pytest.raises(ValueError, match="one requires unknown two"):
        Catalogue.load([tmp_path])
    write(tmp_path, "two", "three")
    write(tmp_path, "three", "one")
    with pytest.raises(ValueError, match="in a cycle"):
        Catalogue.load([tmp_path])
