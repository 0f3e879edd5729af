"""Which settings files there are, and that no path leads elsewhere."""

from pathlib import Path

import pytest

from activities.infras import Infras
from workflows.domain.errors import InvalidRequest


@pytest.fixture
def infras(tmp_path: Path) -> Infras:
    root = tmp_path / "infra"
    (root / "shop" / "parts").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / "shop" / "config.k").write_text("")
    (root / "shop" / "parts" / "web.k").write_text("")
    (tmp_path / "secret").write_text("")
    (root / "shop" / "out").symlink_to(tmp_path / "secret")
    (root / "shop" / "circle").symlink_to(root / "shop" / "circle")
    return Infras(root)


@pytest.mark.parametrize("settings", ["config.k", "parts/web.k", "./config.k"])
def test_a_settings_file_is_found(infras: Infras, settings: str) -> None:
    assert infras.settings_file("shop", settings).is_file()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("../../secret", "'..' is not allowed"),
        ("parts/../config.k", "'..' is not allowed"),
        ("/etc/passwd", "not a path relative"),
        ("~/config.k", "not a path relative"),
        ("parts\\web.k", "not a path relative"),
        ("config.k\0", "not a path relative"),
        ("out", "leads out of"),
        ("absent.k", "has no file 'absent.k'"),
        ("parts", "has no file 'parts'"),
        ("circle", "has no file 'circle'"),
        ("config.k/x", "has no file"),
        ("x" * 300, "has no file"),
    ],
)
def test_what_is_wrong_with_a_path_is_told(infras: Infras, settings: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^settings: ") as caught:
        infras.settings_file("shop", settings)
    assert message in caught.value.message


@pytest.mark.parametrize("infra", ["other", ".git", ".", "..", "shop/parts", ""])
def test_an_infra_that_is_not_there_is_named_with_those_that_are(infras: Infras, infra: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        infras.settings_file(infra, "config.k")
    assert caught.value.message == f"infra: there is no infra {infra!r}; there are: shop"


def test_without_a_root_there_are_none(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="none yet"):
        Infras(tmp_path / "absent").folder("shop")
