"""Submitting and cancelling batches: what must be in which order, so that no answer is a lie."""

import asyncio
import logging
from datetime import UTC, datetime

from activities.ports import Claim, ReadModel, User
from api.idempotency import Once
from api.orchestrator import Orchestrator
from api.schemas.batch_operations import BatchOperationRequest, BatchOperationResult
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

    async def execute(
        self, request: BatchOperationRequest, user: User, once: Once, *, check_mode: bool
    ) -> BatchOperationResult:
        """Starts a batch, once for what `once` stands for, and returns the answer.

        With `check_mode`, none of its operations changes anything.

        Raises:
            InvalidRequest: it cannot be carried out; nothing was started.
            Unavailable: Temporal or MongoDB is away; the message says if the batch may have started.
        """

        async def admit() -> BatchSpec:
            # A large batch takes a second to check, in which others are served.
            batch = await asyncio.to_thread(
                self._door.admit, request, user.username, datetime.now(UTC), check_mode=check_mode
            )
            await self._orchestrator.refuse_too_large(batch)
            return batch

        return await once.run(BatchOperationResult, admit, self._start)

    async def _start(self, admitted: BatchSpec, claim: Claim) -> BatchOperationResult:
        batch = admitted.model_copy(update={"batch_id": claim.work_id, "created_at": claim.created_at})
        # Refused before anything starts where its state could not be shown afterwards. What has a row was
        # started before, by somebody with the same claim, and may have ended since.
        if await self._rows.batch(batch.batch_id) is None:
            await self._orchestrator.start_batch(batch)
        try:
            await self._rows.accept(batch)
        except Unavailable as error:
            # The batch runs, so the answer is a success; its workflow writes the rows too.
            log.warning("batch %s runs and is written down later: %s", batch.batch_id, error.message)
        return BatchOperationResult.started(batch)

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
        if row is None and await self._rows.task(batch_id) is not None:
            # It would understand the same signal.
            raise NotFound(f"there is no batch {batch_id}: this is a task")
        try:
            await self._orchestrator.cancel(batch_id, f"cancelled by {user.username}")
        except NotFound:
            row = await self._watching.batch(batch_id)
            _require_running(row)
            raise Conflict(f"batch {batch_id} has already ended") from None


def _require_running(row: BatchRecord | None) -> None:
    if row is not None and row.status.is_terminal:
        raise Conflict(f"batch {row.id} has already ended: {row.status}")
