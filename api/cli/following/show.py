"""Where the work is shown while it is followed."""

from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Protocol, Self

from api.cli.following.work import Line, Operation, Work

_UNNOTICED = timedelta(seconds=20)
"""Clocks that differ by less are taken for alike: an event takes its time to come here."""


class Display(Protocol):
    """Shows one piece of work, between entering and leaving it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def show(self, work: Work) -> None:
        """How all of it stands now."""

    def operation(self, operation: Operation) -> None:
        """One that has changed."""

    def line(self, line: Line) -> None:
        """A line of a log."""

    def trouble(self, why: str) -> None:
        """The connection is away; or is back, where there is no reason."""


class ServiceClock:
    """The service's time, as far as its events tell it."""

    def __init__(self) -> None:
        self._ahead: timedelta | None = None

    def heard(self, told_at: datetime) -> None:
        """An event of that time came just now; the youngest of all tells most."""
        ahead = datetime.now(UTC) - told_at
        if self._ahead is None or ahead < self._ahead:
            self._ahead = ahead

    def now(self) -> datetime:
        ahead = self._ahead
        here = datetime.now(UTC)
        return here if ahead is None or abs(ahead) < _UNNOTICED else here - ahead
