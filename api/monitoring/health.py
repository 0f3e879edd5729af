"""What a check finds, and what all findings come to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

_LONGEST_TEXT = 200


class Status(StrEnum):
    """The names are the contract's."""

    HEALTHY = "Healthy"
    WARNING = "Warning"
    """It works, and somebody should look at it."""
    CRITICAL = "Critical"
    """Work cannot go on."""

    @property
    def weight(self) -> int:
        return _WEIGHTS[self]


_WEIGHTS = {Status.HEALTHY: 0, Status.WARNING: 1, Status.CRITICAL: 2}


class Finding(NamedTuple):
    """The status of one component, and why; the reason is for users and names no internals."""

    status: Status
    reason: str = ""

    @property
    def text(self) -> str:
        if not self.reason:
            return str(self.status)
        return f"{self.status}: {self.reason}"[:_LONGEST_TEXT]


HEALTHY = Finding(Status.HEALTHY)


@dataclass(frozen=True)
class SystemHealth:
    """All findings of one look."""

    findings: Mapping[str, Finding]
    at: datetime

    @property
    def overall(self) -> Status:
        """The worst of them."""
        return max((f.status for f in self.findings.values()), key=lambda s: s.weight, default=Status.HEALTHY)

    @property
    def words(self) -> str:
        """The status words alone, as one line: it changes when any of them does."""
        return " ".join(f"{name}={finding.status}" for name, finding in sorted(self.findings.items()))
