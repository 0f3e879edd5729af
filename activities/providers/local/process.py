"""Process isolation: an SSH server process with a home of its own, and no other walls.

For machines on which a box cannot be had. Commands run as this user, in the server's folder.
"""

import getpass
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from activities.providers.local.folder import IsolationName, Record, ServerFolder
from activities.providers.local.isolation import Launch

_PROJECT = Path(__file__).parents[3]
_PASSED_ON = ("PATH", "LANG", "TZ", "TMPDIR")
_PASSED_ON_PARTS = ("_PROXY", "CERT", "CA_BUNDLE", "PIP_", "UV_", "LC_")
"""How this machine reaches its network. Everything else stays behind: it may hold the service's secrets."""


class Process:
    """Servers that are processes of this user."""

    def __init__(self, cache_dir: Path) -> None:
        self._cache = cache_dir / "process"

    @property
    def name(self) -> IsolationName:
        return "process"

    @property
    def user(self) -> str:
        return getpass.getuser()

    @property
    def image(self) -> str | None:
        return None

    def obstacle(self) -> str | None:
        return None

    async def prepare(self, image: str | None) -> None:  # noqa: ARG002 - there are no images here
        self._cache.mkdir(parents=True, exist_ok=True)

    def furnish(self, folder: ServerFolder, record: Record) -> None:  # noqa: ARG002 - all are alike
        (folder.root / "etc/provisioning/boot.d").mkdir(parents=True)
        (folder.root / "home").mkdir(mode=0o700)
        # The same place as in a box.
        (folder.root / "var/cache").mkdir(parents=True)
        (folder.root / "var/cache/provisioning").symlink_to(self._cache)

    def launch(self, folder: ServerFolder, record: Record) -> Launch:
        return Launch(
            arguments=(
                sys.executable,
                "-m",
                "activities.providers.local.process_server",
                str(folder.path),
            ),
            environment={
                **_network_environment(),
                "PYTHONPATH": str(_PROJECT),
                "HOME": str(folder.root / "home"),
                "USER": record.user,
                "LOGNAME": record.user,
                "SHELL": "/bin/sh",
                "PROVISIONING_SERVER_ROOT": str(folder.root),
                "PROVISIONING_SERVER_NAME": record.spec.name,
                "PROVISIONING_SERVER_ADDRESS": record.address,
                "PROVISIONING_PYTHON": sys.executable,
            },
            directory=folder.path,
        )

    def strays(self, folder: ServerFolder) -> Sequence[int]:
        """All processes that came from the server, as far as their environment, place or parents tell."""
        found: dict[int, psutil.Process] = {}
        for process in psutil.process_iter():
            if process.pid != os.getpid() and _belongs(process, folder):
                found[process.pid] = process
                for child in _descendants(process):
                    found.setdefault(child.pid, child)
        return [pid for pid, process in found.items() if _lives(process)]


def _network_environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PROVISIONING_")
        and (name in _PASSED_ON or any(part in name.upper() for part in _PASSED_ON_PARTS))
    }


def _belongs(process: psutil.Process, folder: ServerFolder) -> bool:
    """By its environment; daemons that overwrite theirs for a title mostly work in a folder of their own."""
    root = str(folder.root)
    try:
        with process.oneshot():
            if process.uids().real != os.getuid():
                return False
            if process.environ().get("PROVISIONING_SERVER_ROOT") == root:
                return True
            if process.terminal() is not None:
                return False  # A person who looks at the server's files.
            return _within(process.cwd(), root) or _within(process.exe(), root)
    except psutil.Error:
        return False


def _within(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/")


def _descendants(process: psutil.Process) -> Iterator[psutil.Process]:
    try:
        yield from process.children(recursive=True)
    except psutil.Error:
        return


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
