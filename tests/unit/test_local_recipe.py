"""The base image's recipe: which of the host's package sources fit."""

from pathlib import Path

import pytest

from activities.providers.local import recipe


@pytest.mark.parametrize(
    ("name", "text", "fits"),
    [
        ("sources.list", "deb http://mirror/debian bookworm main\n", True),
        (
            "a.list",
            "#\ndeb [signed-by=/k.gpg arch=amd64] http://mirror/ bookworm-updates main\n",
            True,
        ),
        ("a.sources", "Types: deb\nURIs: http://mirror\nSuites: bookworm bookworm-security\n", True),
        ("a.list", "deb http://archive.ubuntu.com/ubuntu noble main\n", False),
        ("a.sources", "Types: deb\nSuites: bookworm nodistro\n", False),
        ("a.sources.bak", "Types: deb\nSuites: bookworm\n", False),
        ("a.list", "", False),
    ],
)
def test_takes_over_sources_of_its_own_suite_only(tmp_path: Path, name: str, text: str, fits: bool) -> None:
    file = tmp_path / name
    file.write_text(text)
    assert recipe.serves_suite(file) is fits


def test_the_identity_is_stable_and_follows_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    first = recipe.identity()
    assert recipe.identity() == first
    monkeypatch.setattr(recipe, "POLICY", "#!/bin/sh\nexit 0\n")
    assert recipe.identity() != first
