"""Running Python as an ordinary user, where the tests are run by root."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
NOBODY = 65534
"""Who exists everywhere and owns nothing."""


@dataclass(frozen=True)
class Python:
    """A Python with the project's libraries, and whose it is."""

    executable: Path
    user: int | None = None

    def run(self, script: str, *arguments: str) -> str:
        """What the script prints; it runs in the project's folder, without an environment."""
        done = subprocess.run(
            [self.executable, "-c", script, *arguments],
            cwd=PROJECT,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else (),
            env={},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def ordinary_python() -> Iterator[Python]:
    """For an ordinary user; for whoever runs the tests, where that is one."""
    if os.geteuid() != 0:
        yield Python(Path(sys.executable))
        return
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "bin" / "python"
        Path(folder).chmod(0o755)
        subprocess.run([_base(), "-m", "venv", "--without-pip", folder], check=True)
        libraries = next(Path(folder).glob("lib/python*/site-packages"))
        (libraries / "project.pth").write_text(f"{Path(pytest.__file__).parents[1]}\n")
        if _runs(python, "-c", "import activities.settings"):
            yield Python(python, NOBODY)
        else:
            pytest.skip("other users cannot read this checkout")


def _base() -> str:
    """This Python, or one of the same version that others can run too."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        if Path(candidate).exists() and _runs(candidate, "-c", "import venv"):
            return candidate
    pytest.skip(f"no {version} that other users can run")


def _runs(*command: str | Path) -> bool:
    try:
        subprocess.run(
            command,
            cwd=PROJECT,
            user=NOBODY,
            group=NOBODY,
            extra_groups=(),
            env={},
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    return True
