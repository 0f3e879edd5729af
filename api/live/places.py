"""How many connections there may be at once in this process."""

import contextlib
from collections import Counter
from collections.abc import Iterator

from api.errors import TooManyConnections
from workflows.domain.errors import Unavailable

PER_USER = 100
IN_ALL = 500
"""Each is a file descriptor, of which a process commonly has 1,024."""

_COME_BACK = 10


class Places:
    """Counts who is connected."""

    def __init__(self, per_user: int = PER_USER, in_all: int = IN_ALL) -> None:
        self._per_user = per_user
        self._in_all = in_all
        self._taken: Counter[str] = Counter()

    @contextlib.contextmanager
    def taken(self, user_id: str) -> Iterator[None]:
        """A place for as long as the block runs.

        Raises:
            TooManyConnections: the user has as many as one may have.
            Unavailable: the process has.
        """
        if self._taken[user_id] >= self._per_user:
            raise TooManyConnections(f"you have {self._per_user} connections already", _COME_BACK)
        if self._taken.total() >= self._in_all:
            raise Unavailable("too many live connections; try again, or at another instance")
        self._taken[user_id] += 1
        try:
            yield
        finally:
            self._taken[user_id] -= 1
            if not self._taken[user_id]:
                del self._taken[user_id]
