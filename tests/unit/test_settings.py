"""Settings: from the environment, from files, and where they are described."""

import re
from pathlib import Path

import pytest

from activities.settings import OF_THE_COMMAND_LINE, PREFIX, SECRETS, Settings, SettingsError
from tests.support.env_files import variables

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "deploy/env.example"
EVERY = {PREFIX + name.upper() for name in Settings.model_fields}


def test_the_example_has_every_setting_and_no_other() -> None:
    assert {name for name in variables(EXAMPLE) if name.startswith(PREFIX)} == EVERY


def test_the_example_says_the_defaults() -> None:
    assert Settings.from_environment(variables(EXAMPLE)) == Settings()


def test_the_example_marks_every_secret() -> None:
    text = EXAMPLE.read_text()
    for name in SECRETS:
        block = text[: text.index(f"\n{PREFIX}{name.upper()}=")].rpartition("\n\n")[2]
        assert "ecret" in block, name


def test_readme_describes_every_setting() -> None:
    described = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", (ROOT / "README.md").read_text()))
    assert EVERY - {PREFIX + name for name in described} == set()


def test_what_the_command_line_reads_is_no_setting_and_no_mistake() -> None:
    cli = "".join(file.read_text() for file in (ROOT / "api/cli").rglob("*.py"))
    assert set(re.findall(rf'"({PREFIX}[A-Z_]+)"', cli)) == OF_THE_COMMAND_LINE
    assert Settings.from_environment(dict.fromkeys(OF_THE_COMMAND_LINE, "mine")) == Settings()
    with pytest.raises(SettingsError, match=f"{PREFIX}PROFILES: "):
        Settings.from_environment({f"{PREFIX}PROFILES": "mine"})


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_stand_in_a_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a secret of more than 32 characters\n")
    read = Settings.from_environment({f"{PREFIX}{name.upper()}_FILE": str(tmp_path / "secret")})
    assert getattr(read, name).get_secret_value() == "a secret of more than 32 characters"


def test_a_file_that_is_not_there_or_empty_is_named(tmp_path: Path) -> None:
    variable, file = "PROVISIONING_JWT_SECRET_FILE", tmp_path / "secret"
    with pytest.raises(SettingsError, match=rf"^{variable}: {file} cannot be read: No such file"):
        Settings.from_environment({variable: str(file)})
    file.write_text("\n")
    with pytest.raises(SettingsError, match=rf"^{variable}: {file} is empty$"):
        Settings.from_environment({variable: str(file)})


def test_a_secret_is_given_once(tmp_path: Path) -> None:
    both = {"PROVISIONING_JWT_SECRET": "given", "PROVISIONING_JWT_SECRET_FILE": str(tmp_path)}
    with pytest.raises(SettingsError, match="PROVISIONING_JWT_SECRET_FILE are both set") as refused:
        Settings.from_environment(both)
    assert "given" not in str(refused.value)


def test_what_is_no_secret_has_no_file() -> None:
    with pytest.raises(SettingsError, match=r"^PROVISIONING_HOST_FILE: Extra inputs"):
        Settings.from_environment({"PROVISIONING_HOST_FILE": "/etc/hostname"})


@pytest.mark.parametrize("given", ["CERT", "KEY"])
def test_a_certificate_and_its_key_go_together(given: str) -> None:
    with pytest.raises(SettingsError, match=r"^PROVISIONING_TEMPORAL_CERT_FILE and .* go together$"):
        Settings.from_environment({f"PROVISIONING_TEMPORAL_{given}_FILE": "a.pem"})
