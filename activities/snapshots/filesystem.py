"""State snapshots as files: one for each report, under a folder for each batch or single task."""

import asyncio
import fcntl
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError

from activities.shared_call import SharedCall
from activities.snapshots.keeping import in_order, safe
from workflows.domain.errors import Unavailable
from workflows.domain.records import StateSnapshot

log = logging.getLogger(__name__)

_snapshots = TypeAdapter(list[StateSnapshot])
_BLOCK = 4096
"""Bytes of a trial: enough to need room on a full disk."""


class FilesystemSnapshots:
    """Implements `SnapshotStore`. A file is there completely or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # One name for each store of each process: what a dead one left is one small file, in nobody's way.
        trial = folder / f".check-{uuid4().hex}"
        self._trial = SharedCall(lambda: _try_out(trial))

    async def save(self, owner: str, number: str, snapshots: Sequence[StateSnapshot]) -> None:
        """Stores one report's snapshots under its number; storing them again changes nothing.

        Raises:
            Unavailable: the file system does not take them.
            InvalidRequest: the owner or the number is no name for a file.
        """
        path = self._folder / safe(owner) / f"{safe(number)}.json"
        try:
            await asyncio.to_thread(_write, path, _snapshots.dump_json(list(snapshots)))
        except OSError as error:
            raise Unavailable(f"snapshots cannot be stored for now: {error.strerror}") from error

    async def load(self, owner: str, workflow_id: str) -> Sequence[StateSnapshot]:
        """The snapshots of `workflow_id` among those kept for `owner`, in order of their sequence."""
        try:
            found = await asyncio.to_thread(_read_all, self._folder / safe(owner), workflow_id)
        except OSError as error:
            raise Unavailable(f"snapshots cannot be read for now: {error.strerror}") from error
        return in_order(found)

    async def check(self) -> None:
        """Writes, renames and removes a file. Raises Unavailable where the file system does not let it."""
        try:
            await self._trial.result()
        except OSError as error:
            raise Unavailable(f"snapshots cannot be stored for now: {error.strerror}") from error


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


def _try_out(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    try:
        with draft.open("wb") as file:
            file.write(b"\0" * _BLOCK)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    finally:
        for left in (draft, path):
            left.unlink(missing_ok=True)


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
