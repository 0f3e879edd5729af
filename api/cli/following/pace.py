"""How long something may still take. All in seconds."""

from collections import defaultdict


def left(passed: float, percent: float) -> float:
    """From how far it came in the time that has passed; the percent are more than 0."""
    return passed / percent * (100 - percent)


class Pace:
    """How long the operations of one batch took, by their kind."""

    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = defaultdict(list)

    def note(self, kind: str, seconds: float) -> None:
        """One has completed."""
        self._seconds[kind].append(seconds)

    def left(self, kind: str, passed: float) -> float | None:
        """From how long others of its kind took; None before one of them has completed."""
        known = self._seconds.get(kind)
        return sum(known) / len(known) - passed if known else None
