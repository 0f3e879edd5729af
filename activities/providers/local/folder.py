"""Where a local server lives on disk, and what is written down about it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from workflows.domain.errors import ActionFailed
from workflows.domain.resources import Frozen, Server, ServerSpec, SshEndpoint

IsolationName = Literal["box", "process"]


class Record(Frozen):
    """What is known of a server. Written once, before it first starts; where it is missing, there is none."""

    spec: ServerSpec
    owner: str
    isolation: IsolationName
    image: str | None = None
    """The base image that its files lie upon."""
    address: str
    port: int
    user: str
    host_key: str

    def server(self) -> Server:
        return Server(
            spec=self.spec,
            provider_id=self.spec.key,
            owner=self.owner,
            ssh=SshEndpoint(host=self.address, port=self.port, user=self.user, host_key=self.host_key),
        )


class ServerFolder:
    """The directory `<state_dir>/servers/<infra>/<name>` and the files in it."""

    def __init__(self, servers: Path, infra: str, name: str) -> None:
        self.path = servers / infra / name
        # No server's name begins with a dot.
        self.lock = servers / infra / f".{name}.lock"
        self.running = self.path / "running"
        """Locked by the server's processes for as long as one of them lives."""
        self.process = self.path / "process"
        """`pid start-time` of the server's first process, as the process itself wrote it."""
        self.seed = self.path / "seed"
        """What the server is given at every start: keys and the SSH daemon's configuration."""
        self.root = self.path / "root"
        """The server's own files (in a box: what differs from the base image)."""
        self.log = self.path / "log"
        self.dying = self.path / "dying"
        """There from the moment when a deletion begins to stop the server."""
        self._called_off = self.path / "called-off"
        """Ids of deletions that were given up, each on a line."""
        self._isolation = self.path / "isolation"
        self._record = self.path / "server.json"

    def exists(self) -> bool:
        return self.path.is_dir()

    def has_remains(self) -> bool:
        """Whether anything is here, if only the lock of whoever makes it right now, or was killed over it."""
        return self.exists() or self.lock.exists()

    def make(self, isolation: IsolationName) -> None:
        """Raises ActionFailed where something that is no server's folder is in its place."""
        try:
            self.path.mkdir(parents=True, mode=0o755)
        except FileExistsError as error:
            raise ActionFailed(f"{error.filename} is in the way of a server's folder") from error
        self._isolation.write_text(isolation)
        self.seed.mkdir(mode=0o700)

    def isolation(self) -> IsolationName:
        """How the server is kept apart, known from its first moment to its last."""
        try:
            return "box" if self._isolation.read_text() == "box" else "process"
        except FileNotFoundError:
            return "process"

    def read(self) -> Record | None:
        """What is written down; None where there is no server, or one that was never finished.

        Raises:
            ActionFailed: what is written down cannot be read.
        """
        try:
            return Record.model_validate_json(self._record.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise ActionFailed(f"{self._record} cannot be read: {error.strerror}") from error
        except ValidationError as error:
            raise ActionFailed(f"{self._record} is damaged: {error.errors()[0]['msg']}") from error

    def write(self, record: Record) -> None:
        write_private(self._record, record.model_dump_json(indent=1))

    def call_off(self, deletion: str) -> None:
        """From here on an attempt at this deletion finds that it was given up."""
        if not self.is_called_off(deletion):
            write_private(self._called_off, "".join(f"{one}\n" for one in (*self._given_up(), deletion)))

    def is_called_off(self, deletion: str) -> bool:
        return deletion in self._given_up()

    def _given_up(self) -> list[str]:
        try:
            return self._called_off.read_text().split()
        except FileNotFoundError:
            return []

    def forget(self) -> None:
        """From here on there is no such server, only remains to be cleared away."""
        self._record.unlink(missing_ok=True)

    def prune(self) -> None:
        """Removes the lock, which the caller holds, and the infra's folder if it is empty."""
        self.lock.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.lock.parent.rmdir()

    def log_tail(self, size: int = 2000) -> str:
        """The last `size` bytes of what the server's processes printed."""
        try:
            return self.log.read_bytes()[-size:].decode(errors="replace").strip()
        except FileNotFoundError:
            return ""


def folders(servers: Path) -> Iterator[ServerFolder]:
    """All servers' folders, by infra and name, half-made ones included."""
    for infra in sorted(servers.glob("*")):
        for entry in sorted(infra.glob("*")):
            if entry.is_dir() and not entry.name.startswith("."):
                yield ServerFolder(servers, infra.name, entry.name)


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner may read, whole or not at all, even if the machine dies."""
    draft = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
