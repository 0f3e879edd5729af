"""The lists' table of contents: every batch in brief, kept in memory and brought up to date at each use.

With it a page and its total need no scan: counting and sorting in the database would read every row. Only
batches that are new and batches that still run are read again; what has ended does not change.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime

from pydantic import Field

from activities.mongo.connection import Document
from activities.mongo.numbered_log import NumberedLog
from workflows.domain.errors import Unavailable
from workflows.domain.resources import Frozen
from workflows.domain.states import BatchStatus, TaskStatus

CHUNK = 500
_IDS = 100


class BatchSummary(Frozen):
    """A batch in brief, or a single task."""

    id: str
    created_at: datetime
    status: BatchStatus
    tasks: int = Field(ge=0)
    counts: dict[TaskStatus, int]
    single: bool = False
    """Whether it is a task that belongs to no batch."""

    def matching(self, status: TaskStatus | None) -> int:
        """How many of its tasks have the status; None stands for any."""
        return self.tasks if status is None else self.counts.get(status, 0)


_FIELDS = ("position", "created_at", "status", "tasks", "counts", "single")


class Contents:
    """The contents of a collection of batches."""

    def __init__(self, log: NumberedLog) -> None:
        self._log = log
        self._lock = asyncio.Lock()
        self._seen = 0
        self._batches: dict[str, BatchSummary] = {}
        self._order: list[str] | None = None

    async def current(self) -> Sequence[BatchSummary]:
        """All batches, newest first.

        Raises:
            Unavailable: they cannot be read. The next use begins anew, since it may meet another database.
        """
        async with self._lock:
            try:
                await self._refresh_running()
                await self._take_up_new()
            except Unavailable:
                self._forget()
                raise
            if self._order is None:
                newest = sorted(self._batches.values(), key=lambda b: (b.created_at, b.id), reverse=True)
                self._order = [batch.id for batch in newest]
            return [self._batches[batch_id] for batch_id in self._order]

    def _forget(self) -> None:
        self._seen, self._batches, self._order = 0, {}, None

    async def _refresh_running(self) -> None:
        running = [batch.id for batch in self._batches.values() if not batch.status.is_terminal]
        for start in range(0, len(running), _IDS):
            wanted = {"_id": {"$in": running[start : start + _IDS]}}
            async with self._log.collection.opened() as collection:
                self._put(await collection.find(wanted, list(_FIELDS)).to_list(None))

    async def _take_up_new(self) -> None:
        while documents := await self._log.read(self._seen, CHUNK, _FIELDS):
            self._put(documents)
            self._order = None
            self._seen = int(documents[-1]["position"])

    def _put(self, documents: Iterable[Document]) -> None:
        for batch in self._log.collection.readable(documents, _summary):
            self._batches[batch.id] = batch


def _summary(document: Document) -> BatchSummary:
    return BatchSummary.model_validate({**document, "id": document["_id"]})
