"""State snapshots in SurrealDB: one record for each report."""

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, Json, ValidationError

from activities.settings import Settings
from activities.snapshots.keeping import in_order, safe
from activities.snapshots.surrealdb.access import access
from activities.snapshots.surrealdb.connection import SurrealConnection
from workflows.domain.errors import Unavailable
from workflows.domain.records import StateSnapshot

log = logging.getLogger(__name__)

_PREPARE = """
DEFINE TABLE IF NOT EXISTS snapshot_report SCHEMALESS;
DEFINE TABLE IF NOT EXISTS snapshot_check SCHEMALESS;
"""

# The id says which report it is, so of several attempts at one the first is kept.
_SAVE = "INSERT IGNORE INTO snapshot_report $report RETURN NONE"

# A record whose snapshots cannot be made out is returned as well, so that it can be named.
_LOAD = """
SELECT id, snapshots[WHERE workflow_id = $workflow].content AS found
FROM snapshot_report:[$owner, $after]>..=[$owner, ..]
WHERE snapshots.workflow_id CONTAINS $workflow OR !snapshots.workflow_id
LIMIT $limit
"""

_PAGE = 200

_CHECK = "UPSERT snapshot_check:`last` SET at = time::now() RETURN NONE"

_WRITE_EVERY = 30.0
"""Seconds between two checks that write: the database only ever appends to its log."""


class _Found(BaseModel):
    """What a record has for one workflow."""

    model_config = ConfigDict(extra="ignore")

    found: list[Json[StateSnapshot]] = Field(min_length=1)


class SurrealSnapshots:
    """Implements `SnapshotStore`. A report is there completely or not at all."""

    def __init__(self, settings: Settings) -> None:
        self._connection = SurrealConnection(lambda: access(settings), _PREPARE)
        self._wrote = float("-inf")

    async def save(self, owner: str, number: str, snapshots: Sequence[StateSnapshot]) -> None:
        """Stores one report's snapshots under its number; storing them again changes nothing.

        Raises:
            Unavailable: SurrealDB does not take them.
            InvalidRequest: the owner or the number is no name for a record.
        """
        report = {
            "id": [safe(owner), safe(number)],
            # JSON text comes back as it went in: the database has types and absences of its own.
            "snapshots": [{"workflow_id": s.workflow_id, "content": s.model_dump_json()} for s in snapshots],
        }
        await self._connection.query(_SAVE, {"report": report})

    async def load(self, owner: str, workflow_id: str) -> Sequence[StateSnapshot]:
        """The snapshots of `workflow_id` among those kept for `owner`, in order of their sequence."""
        wanted = {"owner": safe(owner), "workflow": workflow_id, "limit": _PAGE}
        found: list[StateSnapshot] = []
        after: Any = ""
        while True:
            records = await self._connection.query(_LOAD, wanted | {"after": after})
            for record in records:
                found += _readable(record)
            if len(records) < _PAGE:
                return in_order(found)
            after = records[-1]["id"].id[1]

    async def check(self) -> None:
        """Writes a record over, or in between only asks. Raises Unavailable where that does not work."""
        if time.monotonic() - self._wrote < _WRITE_EVERY:
            await self._connection.query("RETURN NONE")
            return
        try:
            await self._connection.query(_CHECK)
        except Unavailable:
            self._wrote = float("-inf")
            raise
        self._wrote = time.monotonic()

    async def close(self) -> None:
        await self._connection.close()


def _readable(record: dict[str, Any]) -> Iterator[StateSnapshot]:
    """Its snapshots; none of one that cannot be read, which the log names."""
    try:
        yield from _Found.model_validate(record).found
    except ValidationError as error:
        log.error("left out a malformed record: %s: %d errors", record.get("id"), error.error_count())
