"""Sealed secrets: opened by any of the keys, and by nothing else."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from activities.settings import Settings
from api.security.secret_box import SecretBox, secret_box
from workflows.domain.errors import Unavailable

OLD, NEW = "o" * 32, "n" * 32


def test_what_was_sealed_before_a_rotation_is_opened_after_it() -> None:
    sealed = SecretBox([OLD]).seal("secret")
    assert "secret" not in sealed
    assert SecretBox([NEW, OLD]).open(sealed) == "secret"


def test_another_key_or_a_change_is_refused() -> None:
    sealed = SecretBox([OLD]).seal("secret")
    changed = sealed[:-4] + ("AAA=" if sealed[-4:] != "AAA=" else "BBB=")
    for box, text in ((SecretBox([NEW]), sealed), (SecretBox([OLD]), changed), (SecretBox([OLD]), "\u20ac")):
        with pytest.raises(Unavailable):
            box.open(text)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        SecretBox(["short"])


def test_a_generated_key_is_kept(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    assert secret_box(settings).open(secret_box(settings).seal("secret")) == "secret"


def test_the_file_may_have_the_keys_of_before_below_the_first(tmp_path: Path) -> None:
    (tmp_path / "encryption-key").write_text(f"{OLD}\n")
    settings = Settings(state_dir=tmp_path)
    sealed = secret_box(settings).seal("secret")
    (tmp_path / "encryption-key").write_text(f"{NEW}\n{OLD}\n")
    assert secret_box(settings).open(sealed) == "secret"
    with pytest.raises(Unavailable):
        SecretBox([OLD]).open(secret_box(settings).seal("secret"))


def test_the_settings_may_name_several_keys_and_any_passphrase(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, encryption_key=SecretStr(f"a long passphrase, {OLD}"))
    assert secret_box(settings).open(SecretBox([OLD]).seal("secret")) == "secret"
    assert SecretBox(["a long passphrase"]).open(secret_box(settings).seal("secret")) == "secret"
    assert not list(tmp_path.iterdir())
