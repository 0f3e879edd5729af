"""Submitting single pieces of work, whose specs come from an infra's settings."""

import logging
from collections.abc import Awaitable, Callable
from uuid import UUID

from activities.ports import Claim, ReadModel, User
from api.idempotency import Once
from api.orchestrator import Orchestrator
from api.schemas.workflows import WorkflowSubmission
from api.workflow_door import Admitted, WorkflowDoor
from workflows.domain.acceptance import single_record
from workflows.domain.batches import Alone, OperationInput
from workflows.domain.errors import Conflict, NotFound, Unavailable

log = logging.getLogger(__name__)

Gone = Callable[[], Awaitable[bool]]
"""Whether the client has left."""


class Workflows:
    """The life of a single task as far as HTTP has a say in it."""

    def __init__(self, door: WorkflowDoor, rows: ReadModel, orchestrator: Orchestrator) -> None:
        self._door = door
        self._rows = rows
        self._orchestrator = orchestrator

    async def submit(
        self, submission: WorkflowSubmission, user: User, once: Once, client_is_gone: Gone
    ) -> UUID:
        """Starts the workflow, once for what `once` stands for, and returns its task's id.

        With `wait`, it returns when the task has ended. The task goes on if the client leaves.

        Raises:
            InvalidRequest: it cannot be carried out; nothing was started.
            Unavailable: Temporal or MongoDB is away, or the settings cannot be evaluated for now.
        """

        async def admit() -> Admitted:
            return await self._door.admit(submission)

        async def work(admitted: Admitted, claim: Claim) -> UUID:
            # What has a row was started before, by somebody with the same claim.
            if await self._rows.task(claim.work_id) is None:
                await self._start(admitted, user, claim)
            return UUID(claim.work_id)

        task_id = await once.run(UUID, admit, work)
        if submission.wait:
            await self._ended(str(task_id), client_is_gone)
        return task_id

    async def cancel(self, task_id: str, user: User) -> None:
        """Cancels a single task or a rollback; once more while it is being cancelled changes nothing.

        Raises:
            NotFound: there is no such task.
            Conflict: it has ended, or is a part of a batch, which is cancelled as a whole.
            Unavailable: Temporal or MongoDB is away.
        """
        task = await self._rows.task(task_id)
        if task is None:
            raise NotFound(f"there is no task {task_id}")
        if task.status.is_terminal:
            raise Conflict(f"task {task_id} has already ended: {task.status}")
        if task.batch_id is not None:
            raise Conflict(f"task {task_id} is an operation of batch {task.batch_id}; cancel the batch")
        try:
            await self._orchestrator.cancel(task_id, f"cancelled by {user.username}")
        except NotFound:
            raise Conflict(f"task {task_id} has already ended") from None

    async def _start(self, admitted: Admitted, user: User, claim: Claim) -> None:
        alone = Alone(args=admitted.args, requested_by=user.username, created_at=claim.created_at)
        request = OperationInput(task_id=claim.work_id, operation=admitted.operation, alone=alone)
        await self._orchestrator.start_task(request)
        try:
            await self._rows.accept_task(single_record(request))
        except Unavailable as error:
            log.warning("task %s runs and is written down later: %s", request.task_id, error.message)

    async def _ended(self, task_id: str, client_is_gone: Gone) -> None:
        while not await self._orchestrator.has_ended(task_id):
            if await client_is_gone():
                return
