"""`.venv/bin/provisioning`, as setup writes it: from any folder, under any path, with no code but ours."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with an environment of its own, at a path that shells stumble over."""
    checkout = tmp_path / "it's $HOME here"
    (checkout / "deploy" / "local").mkdir(parents=True)
    shutil.copy(ROOT / "deploy" / "local" / "setup.sh", checkout / "deploy" / "local")
    for package in ("api", "workflows"):
        (checkout / package).symlink_to(ROOT / package)
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    subprocess.run([checkout / "deploy" / "local" / "setup.sh", "command"], check=True)
    return checkout


def test_it_runs_from_any_folder_and_finds_nothing_there(checkout: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    for package in ("api", "typer"):
        (elsewhere / package).mkdir(parents=True)
        (elsewhere / package / "__init__.py").write_text("raise SystemExit('the wrong code')")
    shown = subprocess.run(
        [checkout / ".venv" / "bin" / "provisioning", "health", "--server", "no address"],
        cwd=elsewhere,
        env=os.environ | {"PYTHONPATH": str(elsewhere)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (
        shown.stderr == "error: 'no address' is no address of a server: write it like http://127.0.0.1:8080\n"
    )
    assert (shown.returncode, shown.stdout) == (2, "")


def test_completion_knows_the_command_by_its_name(checkout: Path) -> None:
    shown = subprocess.run(
        [checkout / ".venv" / "bin" / "provisioning"],
        env=os.environ
        | {
            "_PROVISIONING_COMPLETE": "complete_bash",
            "COMP_WORDS": "provisioning users dis",
            "COMP_CWORD": "2",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.split() == ["disable", "disable-mfa"]


def test_setting_it_up_again_leaves_one(checkout: Path) -> None:
    subprocess.run([checkout / "deploy" / "local" / "setup.sh", "command"], check=True)
    names = {path.name for path in (checkout / ".venv" / "bin").iterdir()}
    assert names == {"python", "provisioning"}
