"""Starts the child workflows of a batch, waits for them, and finds them again after a continued run.

Children outlive a run of their parent (`ABANDON`), so delivering a cancellation is our own duty. It goes by
signal, with its reason; the child then ends by itself and says with its result what it took back.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    FailureError,
    WorkflowAlreadyStartedError,
)
from temporalio.workflow import ChildWorkflowHandle, ParentClosePolicy

from workflows import search
from workflows.contracts.records import ExecutionActivities
from workflows.domain.batches import OperationInput, OperationResult
from workflows.domain.states import TaskStatus
from workflows.failure_text import failure_text
from workflows.kinds import run_of
from workflows.policies import ATTACH

ChildHandle = ChildWorkflowHandle[Any, OperationResult]

_LOOK_AFTER = "look-after-ended-operations"


class Children:
    """The operations that are under way.

    Args:
        acknowledged: is called whenever the start of a child was acknowledged.
    """

    def __init__(self, acknowledged: Callable[[], None]) -> None:
        self.starting: set[str] = set()
        """Operations whose start is not acknowledged yet: a run must not end before that."""
        self._acknowledged = acknowledged
        self._started: set[str] = set()
        self._cancelling: str | None = None
        self._signals: set[asyncio.Task[None]] = set()
        self._unreachable: dict[str, asyncio.Event] = {}
        """Of each operation: set where it had ended when it was to be cancelled."""

    def cancel_all(self, reason: str) -> None:
        """Cancels what runs, and what turns out to run."""
        self._cancelling = reason
        for task_id in sorted(self._started):
            self._cancel(task_id)

    async def start(self, request: OperationInput) -> OperationResult | None:
        """Starts the operation, or finds it started, and returns its result."""
        operation = request.operation
        run = run_of(operation)
        self.starting.add(request.task_id)
        try:
            handle = await workflow.start_child_workflow(
                run,
                request,
                id=request.task_id,
                parent_close_policy=ParentClosePolicy.ABANDON,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                search_attributes=search.of_operation(request),
                static_summary=f"{operation.id}: {operation.config.operation} ({operation.type})",
            )
        except WorkflowAlreadyStartedError:
            return await self.attach(request.task_id)
        finally:
            self.starting.discard(request.task_id)
            self._acknowledged()
        self._runs(request.task_id)
        try:
            return await self._result(handle, request.task_id)
        finally:
            self._started.discard(request.task_id)

    async def _result(self, handle: ChildHandle, task_id: str) -> OperationResult | None:
        unreachable = asyncio.create_task(self._unreachable.setdefault(task_id, asyncio.Event()).wait())
        await workflow.wait([handle, unreachable], return_when=asyncio.FIRST_COMPLETED)
        if not handle.done():
            # It ended while nobody listened: this run was brought back from an end of its own.
            return await self.attach(task_id)
        unreachable.cancel()
        try:
            return OperationResult.model_validate(await handle)
        except ChildWorkflowError as error:
            if workflow.patched(_LOOK_AFTER):
                # Where it was terminated it is brought back to clear up, and waited for.
                return await self.attach(task_id)
            return _lost(error)

    async def attach(self, task_id: str) -> OperationResult | None:
        """The result of an operation that was started before; None if there is no such execution."""
        self._runs(task_id)
        try:
            return await workflow.execute_activity_method(
                ExecutionActivities.await_operation, task_id, summary="wait for the operation", **ATTACH
            )
        except ActivityError as error:
            return _lost(error)
        finally:
            self._started.discard(task_id)

    def _runs(self, task_id: str) -> None:
        self._started.add(task_id)
        if self._cancelling is not None:
            self._cancel(task_id)

    def _cancel(self, task_id: str) -> None:
        task = asyncio.create_task(self._signal_cancel(task_id, self._cancelling or "cancelled"))
        self._signals.add(task)
        task.add_done_callback(self._signals.discard)

    async def _signal_cancel(self, task_id: str, reason: str) -> None:
        try:
            await workflow.get_external_workflow_handle(task_id).signal("cancel", reason)
        except (ApplicationError, FailureError):
            workflow.logger.info("operation %s has ended already", task_id)
            if workflow.patched(_LOOK_AFTER):
                self._unreachable.setdefault(task_id, asyncio.Event()).set()


def _lost(error: BaseException) -> OperationResult:
    """The execution ended without a result: terminated by hand, or worse."""
    cause = error.__cause__ if isinstance(error, ChildWorkflowError) and error.__cause__ else error
    return OperationResult(
        status=TaskStatus.FAILED, error=f"its workflow ended without a result: {failure_text(cause)}"
    )
