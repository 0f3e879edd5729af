"""What every snapshot storage holds to: which names it takes, and in which order it gives back."""

import re
from collections.abc import Iterable

from workflows.domain.errors import InvalidRequest
from workflows.domain.records import StateSnapshot

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")


def safe(name: str) -> str:
    """The owner or number of a report, as it may name a file or a record.

    Raises:
        InvalidRequest: it could lead elsewhere.
    """
    if not _SAFE_NAME.fullmatch(name):
        raise InvalidRequest(f"snapshots cannot be kept under the name {name[:100]!r}")
    return name


def in_order(snapshots: Iterable[StateSnapshot]) -> list[StateSnapshot]:
    """Each snapshot once, in order of the sequence."""
    by_id = {snapshot.snapshot_id: snapshot for snapshot in snapshots}
    return sorted(by_id.values(), key=lambda snapshot: (snapshot.sequence, snapshot.timestamp))
