"""The state directory: one stack at a time, and the pid files of its processes."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from deploy.local.errors import AlreadyRunning, BadStateDir


class StateDir:
    """The folders that the stack keeps, made on entering; locked until it is closed or its process dies."""

    def __init__(self, path: Path) -> None:
        """Raises BadStateDir or AlreadyRunning."""
        self.path = path.resolve()
        self.run = self.path / "run"
        self.log = self.path / "log"
        try:
            for folder in (self.path, self.run, self.log):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BadStateDir(
                f"the state directory {self.path} cannot be used: {error.strerror} ({error.filename}); "
                "set PROVISIONING_STATE_DIR to another"
            ) from None
        self._take_lock()

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._lock)
            raise AlreadyRunning(
                f"another stack (pid {holder}) uses the state directory {self.path}; "
                "stop it, or set PROVISIONING_STATE_DIR to another"
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Lets another stack have the directory."""
        os.close(self._lock)

    def is_empty(self) -> bool:
        """Whether nothing is kept but the lock and the logs."""
        return not list(self._kept())

    def empty(self) -> None:
        """Removes what is kept, but for the lock and the logs."""
        for path in self._kept():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def _kept(self) -> list[Path]:
        return [path for path in self.path.iterdir() if path.name not in {"lock", "run", "log"}]

    def pid_file(self, name: str) -> "PidFile":
        return PidFile(self.run, name)

    def pid_files(self) -> Iterator["PidFile"]:
        for path in sorted(self.run.glob("*.pid")):
            yield PidFile(self.run, path.stem)


class _Identity(NamedTuple):
    """Tells a process from a later one with the same pid, also after the machine was restarted."""

    pid: int
    started: float
    boot: str


def _identity_of(pid: int) -> _Identity:
    # Ticks since boot, unlike the wall clock, never change while a process lives.
    started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return _Identity(pid, float(started), Path("/proc/sys/kernel/random/boot_id").read_text().strip())


class PidFile:
    """`NAME.pid` with the pid alone, for people and scripts, and beside it what makes sure who that is."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._pid = folder / f"{name}.pid"
        self._identity = folder / f"{name}.identity"

    def write(self, pid: int) -> None:
        try:
            _replace(self._identity, json.dumps(_identity_of(pid)))
        except FileNotFoundError:  # it has ended already
            return
        _replace(self._pid, f"{pid}\n")

    def remove(self) -> None:
        self._pid.unlink(missing_ok=True)
        self._identity.unlink(missing_ok=True)

    def survivor(self) -> psutil.Process | None:
        """The process that was recorded, if it still lives; never another that has its pid now."""
        try:
            recorded = _Identity(*json.loads(self._identity.read_text()))
            if _identity_of(recorded.pid) != recorded:
                return None
            process = psutil.Process(recorded.pid)
        except (OSError, ValueError, TypeError, IndexError, psutil.NoSuchProcess):
            return None
        return process if process.status() != psutil.STATUS_ZOMBIE else None


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(path.name + ".new")
    draft.write_text(text)
    draft.rename(path)
