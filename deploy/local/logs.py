"""The log files of the stack's processes, bounded in size."""

import os
from pathlib import Path

MAX_BYTES = 10 * 1024 * 1024
"""A log is moved to `NAME.log.1` when it is longer, so a process has at most two of these on disk."""

_TAIL_BYTES = 8192


class Log:
    """One process's log. The process itself appends to the file: no supervisor stands between."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> int:
        """A descriptor to append to. The caller closes it."""
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def bound(self, limit: int = MAX_BYTES) -> None:
        """Keeps the log below `limit` bytes, give or take what is printed between two calls.

        It is copied and emptied, not renamed, because the process goes on writing to the same file; a line
        that is printed between the two steps is lost.
        """
        if self.size() <= limit:
            return
        draft = self.path.with_name(self.path.name + ".new")
        with self.path.open("rb") as source, draft.open("wb") as target:
            source.seek(-limit, os.SEEK_END)
            target.write(source.read())
        draft.rename(self.path.with_name(self.path.name + ".1"))
        os.truncate(self.path, 0)

    def since(self, offset: int) -> str:
        """What was printed after `offset` bytes; all of it, if the log was emptied meanwhile."""
        if not self.path.exists():
            return ""
        with self.path.open("rb") as file:
            if offset <= self.size():
                file.seek(offset)
            return file.read().decode(errors="replace")

    def last_line(self) -> str:
        """The last line that says something, or nothing."""
        lines = self.since(max(0, self.size() - _TAIL_BYTES)).splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
