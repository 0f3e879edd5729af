"""Finds the tasks that are meant by the operations which a partial rollback names."""

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from activities.ledger_ports import Ledger
from activities.ports import ReadModel
from workflows.domain.errors import Conflict, NotFound
from workflows.domain.identity import task_id
from workflows.domain.records import TaskRecord
from workflows.domain.undoing import standing

MAX_NAMED = 20


class Meant(NamedTuple):
    """The tasks that a request is about."""

    tasks: list[str]
    """Those of which something may be left to undo."""
    unended: tuple[TaskRecord, ...]
    """Those of the request that have not ended, as far as it is written down."""


class OperationFinder:
    """Looks up thousands of names in few queries."""

    def __init__(self, ledger: Ledger, rows: ReadModel) -> None:
        self._ledger = ledger
        self._rows = rows

    async def meant_by(self, wanted: Sequence[str]) -> Meant:
        """Each is a task's id, `batch_id/operation_id`, or the id of an operation of whatever batch.

        Raises:
            NotFound: some of them do not exist.
            Conflict: an operation's id means several.
        """
        exact = {entry: _exactly(entry) for entry in wanted}
        rows = {row.id: row for row in await self._rows.tasks_with(_some(exact.values()))}
        rowless = await self._ledger.of_tasks([one for one in _some(exact.values()) if one not in rows])
        known = rows.keys() | {entry.effect.cause.task_id for entry in rowless}
        named = await self._named([entry for entry in wanted if exact[entry] not in known])
        left = standing(await self._ledger.of_tasks([row.id for some in named.values() for row in some]))
        still_open = {undoing.task_id for undoing in left}

        tasks = [one for one in _some(exact.values()) if one in known]
        asked_for = [rows[one] for one in tasks if one in rows]
        for entry, candidates in named.items():
            still = [row for row in candidates if row.id in still_open]
            if len(still) > 1:
                raise Conflict(_ambiguous(entry, still))
            tasks += [row.id for row in still]
            asked_for += still or candidates
        return Meant(tasks, tuple(row for row in asked_for if not row.status.is_terminal))

    async def _named(self, entries: Collection[str]) -> dict[str, list[TaskRecord]]:
        found: dict[str, list[TaskRecord]] = {entry: [] for entry in entries}
        for row in await self._rows.operations_named(entries):
            if row.operation_id is not None:
                found[row.operation_id].append(row)
        if unknown := [entry for entry, rows in found.items() if not rows]:
            raise NotFound(f"operation_ids: there is no operation {joined(unknown)}")
        return found


def joined(names: Sequence[str], most: int = MAX_NAMED) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _exactly(entry: str) -> str | None:
    """The one task that the entry can mean, where it is not just the id of an operation."""
    if _is_uuid(entry):
        return entry.lower()
    batch, slash, operation = entry.partition("/")
    return task_id(batch, operation) if slash and _is_uuid(batch) else None


def _some(ids: Collection[str | None]) -> list[str]:
    return [one for one in dict.fromkeys(ids) if one is not None]


def _ambiguous(entry: str, rows: Sequence[TaskRecord]) -> str:
    candidates = joined(sorted(f"{row.batch_id}/{entry}" for row in rows))
    return f"operation_ids: {entry} has something left to undo in several batches: {candidates}"


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
