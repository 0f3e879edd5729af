"""State snapshots as files: one for each report, under a folder for each batch or single task."""

import asyncio
import fcntl
import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from workflows.domain.errors import InvalidRequest, Unavailable
from workflows.domain.records import StateSnapshot

log = logging.getLogger(__name__)

_snapshots = TypeAdapter(list[StateSnapshot])
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")


class FilesystemSnapshots:
    """Implements `SnapshotStore`. A file is there completely or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def save(self, owner: str, number: str, snapshots: Sequence[StateSnapshot]) -> None:
        """Stores one report's snapshots under its number; storing them again changes nothing.

        Raises:
            Unavailable: the file system does not take them.
            InvalidRequest: the owner or the number is no name for a file.
        """
        path = self._folder / _safe(owner) / f"{_safe(number)}.json"
        try:
            await asyncio.to_thread(_write, path, _snapshots.dump_json(list(snapshots)))
        except OSError as error:
            raise Unavailable(f"snapshots cannot be stored for now: {error.strerror}") from error

    async def load(self, owner: str, workflow_id: str) -> Sequence[StateSnapshot]:
        """The snapshots of `workflow_id` among those kept for `owner`, in order of their sequence."""
        try:
            found = await asyncio.to_thread(_read_all, self._folder / _safe(owner), workflow_id)
        except OSError as error:
            raise Unavailable(f"snapshots cannot be read for now: {error.strerror}") from error
        by_id = {snapshot.snapshot_id: snapshot for snapshot in found}
        return sorted(by_id.values(), key=lambda snapshot: (snapshot.sequence, snapshot.timestamp))


def _safe(name: str) -> str:
    if not _SAFE_NAME.fullmatch(name):
        raise InvalidRequest(f"{name[:100]!r} cannot be the name of a file")
    return name


def _write(path: Path, content: bytes) -> None:
    """Leaves the whole file or none, also when it dies in between or a second attempt runs beside it."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # The draft has a fixed name, so that a retry writes over what a dead attempt left.
    draft = path.with_suffix(".draft")
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if path.exists():
            # The other attempt was first; what is open here may be its very file.
            if not os.path.samestat(path.stat(), os.fstat(file.fileno())):
                draft.unlink(missing_ok=True)
            return
        file.truncate()
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        draft.rename(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_all(folder: Path, workflow_id: str) -> list[StateSnapshot]:
    found: list[StateSnapshot] = []
    for path in sorted(folder.glob("*.json")):
        content = path.read_bytes()
        if workflow_id.encode() not in content:  # spares parsing the files of a large batch
            continue
        try:
            snapshots = _snapshots.validate_json(content)
        except ValidationError as error:
            log.error("left out a malformed snapshot file: %s: %d errors", path, error.error_count())
            continue
        found += [snapshot for snapshot in snapshots if snapshot.workflow_id == workflow_id]
    return found
