"""Submitting and cancelling batches: what must be in which order, so that no answer is a lie."""

import asyncio
import logging
from datetime import UTC, datetime

from activities.ports import ReadModel, User
from api.orchestrator import Orchestrator
from api.schemas.batch_operations import BatchOperationRequest
from api.submission import BatchDoor
from api.watching import Watching
from workflows.domain.batches import BatchSpec
from workflows.domain.errors import Conflict, NotFound, Unavailable
from workflows.domain.records import BatchRecord

log = logging.getLogger(__name__)


class Batches:
    """The life of a batch as far as HTTP has a say in it."""

    def __init__(
        self, door: BatchDoor, rows: ReadModel, orchestrator: Orchestrator, watching: Watching
    ) -> None:
        self._door = door
        self._rows = rows
        self._orchestrator = orchestrator
        self._watching = watching

    async def execute(self, request: BatchOperationRequest, user: User) -> BatchSpec:
        """Starts a batch and returns it.

        Raises:
            InvalidRequest: it cannot be carried out; nothing was started.
            Unavailable: Temporal or MongoDB is away; the message says if the batch may have started.
        """
        # A large batch takes a second to check, in which others are served.
        batch = await asyncio.to_thread(self._door.admit, request, user.username, datetime.now(UTC))
        # Refused before anything starts where its state could not be shown afterwards.
        await self._rows.batch(batch.batch_id)
        await self._orchestrator.start_batch(batch)
        try:
            await self._rows.accept(batch)
        except Unavailable as error:
            # The batch runs, so the answer is a success; its workflow writes the rows too.
            log.warning("batch %s runs and is written down later: %s", batch.batch_id, error.message)
        return batch

    async def cancel(self, batch_id: str, user: User) -> None:
        """Cancels a batch; once more while it is being cancelled changes nothing.

        Raises:
            NotFound: there is no such batch.
            Conflict: it has ended.
            Unavailable: Temporal or MongoDB is away.
        """
        # What runs can be cancelled even where it has not been written down yet.
        row = await self._rows.batch(batch_id)
        _require_running(row)
        try:
            await self._orchestrator.cancel_batch(batch_id, f"cancelled by {user.username}")
        except NotFound:
            row = await self._watching.batch(batch_id)
            _require_running(row)
            raise Conflict(f"batch {batch_id} has already ended") from None


def _require_running(row: BatchRecord | None) -> None:
    if row is not None and row.status.is_terminal:
        raise Conflict(f"batch {row.id} has already ended: {row.status}")
