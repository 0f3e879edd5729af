"""Keys of tokens: one signs, the ones before the last rotation verify, and a changed file is noticed."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from activities.secret_files import replace_secret_file
from activities.settings import Settings
from api.security import keyring as module
from api.security.keyring import Keyring, keyring, main, rotate
from api.security.tokens import Tokens

OLD, NEW = "o" * 40, "n" * 40


def ring(*secrets: str) -> Keyring:
    return Keyring(lambda: secrets)


def test_short_secrets_are_refused() -> None:
    for secrets in ([], ["short"], [NEW, "short"]):
        with pytest.raises(ValueError, match="32 bytes"):
            ring(*secrets)


def test_a_token_of_the_previous_secret_still_holds_and_one_of_the_secret_before_does_not() -> None:
    before = Tokens(ring(OLD), 60, 600).issue("me", 0).token
    for secrets, holds in (([NEW, OLD], True), ([OLD], True), ([NEW], False)):
        read = Tokens(ring(*secrets), 60, 600).read(before)
        assert (read is not None) == holds


def test_the_secrets_of_the_settings_come_before_the_file(tmp_path: Path) -> None:
    settings = Settings(
        state_dir=tmp_path, jwt_secret=SecretStr(NEW), jwt_previous_secrets=SecretStr(f"{OLD},{'x' * 40}")
    )
    keys = keyring(settings)
    assert keys.signing.secret == NEW
    assert not list(tmp_path.iterdir())


def test_a_rotation_is_noticed_without_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_EVERY", 0.0)
    monkeypatch.setenv("PROVISIONING_STATE_DIR", str(tmp_path))
    keys = keyring(Settings(state_dir=tmp_path))
    tokens = Tokens(keys, 60, 600)
    first = tokens.issue("me", 0).token
    assert main() == 0
    second = tokens.issue("me", 0).token
    assert tokens.read(first) is not None
    assert tokens.read(second) is not None
    rotate(tmp_path / "jwt-secret")
    assert tokens.read(first) is None
    assert tokens.read(second) is not None
    assert stat.S_IMODE((tmp_path / "jwt-secret").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["jwt-secret"]


def test_a_file_that_is_spoilt_while_it_runs_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_EVERY", 0.0)
    keys = keyring(Settings(state_dir=tmp_path))
    good = keys.signing
    (tmp_path / "jwt-secret").write_text("short\n")
    assert keys.signing == good
    (tmp_path / "jwt-secret").unlink()
    assert keys.signing == good


def test_a_token_of_a_key_that_is_there_since_a_moment_holds_at_once(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    here = Tokens(keyring(settings), 60, 600)
    rotate(tmp_path / "jwt-secret")
    elsewhere = Tokens(keyring(settings), 60, 600)
    assert here.read(elsewhere.issue("me", 0).token) is not None


def test_a_file_that_cannot_be_used_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keys = keyring(Settings(state_dir=tmp_path))
    (tmp_path / "jwt-secret").write_text("short\n")
    for _ in range(3):
        assert keys.find("unknown") is None
    assert len(caplog.records) == 1
    assert "short" not in caplog.text


def test_the_previous_secrets_of_the_settings_verify_beside_the_file(tmp_path: Path) -> None:
    before = Tokens(ring(OLD), 60, 600).issue("me", 0).token
    keys = keyring(Settings(state_dir=tmp_path, jwt_previous_secrets=SecretStr(OLD)))
    assert keys.signing.secret != OLD
    assert Tokens(keys, 60, 600).read(before) is not None


def test_rotations_at_once_follow_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "jwt-secret"
    written: list[list[str]] = []

    def noted(target: Path, text: str) -> None:
        replace_secret_file(target, text)
        written.append(text.split())

    monkeypatch.setattr(module, "replace_secret_file", noted)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: rotate(path), range(16)))
    assert [lines[1] for lines in written[1:]] == [lines[0] for lines in written[:-1]]


@pytest.mark.parametrize("content", ["", "short\n"])
def test_a_file_without_a_usable_secret_is_not_rotated(tmp_path: Path, content: str) -> None:
    path = tmp_path / "jwt-secret"
    path.write_text(content)
    with pytest.raises(ValueError, match="32 bytes"):
        rotate(path)
    assert path.read_text() == content


def test_the_secret_of_the_settings_is_not_rotated_behind_its_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROVISIONING_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("PROVISIONING_JWT_SECRET", NEW)
    assert main() == 1
    assert "PROVISIONING_JWT_PREVIOUS_SECRETS" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
