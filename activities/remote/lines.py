"""Cuts a byte stream into numbered lines, the same ones however often and in whatever pieces it is read."""

from collections import deque
from collections.abc import Callable

LONGEST = 4000
"""Bytes of a line that are kept."""
TAIL = 30
"""Lines that an error message can show."""


class Lines:
    """Hands each line on once, also when the stream is read again from its beginning."""

    def __init__(self, on_line: Callable[[int, str], None]) -> None:
        self._on_line = on_line
        self._delivered = 0
        self._tail: deque[str] = deque(maxlen=TAIL)
        self._rest = b""
        self.count = 0
        """Number of the last line that was read."""
        self.size = 0
        """Bytes that were read."""

    @property
    def tail(self) -> str:
        return "\n".join(self._tail)

    def rewind(self) -> None:
        """The stream begins again at line 1."""
        self._rest, self.count, self.size = b"", 0, 0

    def feed(self, chunk: bytes) -> None:
        self.size += len(chunk)
        *whole, rest = (self._rest + chunk).split(b"\n")
        for line in whole:
            self._line(line)
        self._rest = rest[:LONGEST]

    def finish(self) -> None:
        """The stream has ended: what is left is a line too."""
        if self._rest:
            self._line(self._rest)
            self._rest = b""

    def _line(self, line: bytes) -> None:
        self.count += 1
        if self.count <= self._delivered:
            return
        self._delivered = self.count
        # A progress bar paints over itself: what a terminal would show at last is what counts.
        text = line[:LONGEST].decode(errors="replace").rstrip("\r").rpartition("\r")[2]
        self._tail.append(text)
        self._on_line(self.count, text)
