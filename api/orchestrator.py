"""The only Temporal client of the API: starts, signals and queries of workflows, each with a deadline."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.common import QueryRejectCondition, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.temporal_access import TemporalAccess
from api.temporal_calls import AWAY, RPC_TIMEOUT, answered, translated, within
from workflows import search
from workflows.batch import BatchWorkflow
from workflows.batch_state import BatchInput
from workflows.domain.batches import BatchSpec, OperationInput, OperationResult
from workflows.domain.errors import Conflict, InvalidRequest, NotFound, Unavailable
from workflows.domain.progress import ProgressInfo
from workflows.domain.records import StateSnapshot
from workflows.domain.rollbacks import RollbackOutcome, RollbackSpec
from workflows.kinds import run_of
from workflows.rollback import RollbackWorkflow
from workflows.rollback_run import RollbackInput

log = logging.getLogger(__name__)

T = TypeVar("T")

_CONNECT_SECONDS = 3.0
_START_SECONDS = 12.0
"""How long a start is repeated whose outcome is not known."""
_PAUSE = 0.3
_WAITING_SLICE = timedelta(seconds=10)
"""How long one wait for an end takes, before it is looked whether anybody still waits for it."""
_LARGEST_PAYLOAD = 2_000_000
"""Bytes of a workflow's argument that the server takes, less a little for what is around it."""
_SUMMARY_BYTES = 180


class Orchestrator:
    """Speaks with Temporal. Connects at first use, and again by itself after Temporal was away."""

    def __init__(self, access: TemporalAccess, task_queue: str) -> None:
        self._access = access
        self._task_queue = task_queue
        self._client: Client | None = None
        self._connecting = asyncio.Lock()

    async def check(self) -> None:
        """Raises Unavailable where Temporal does not answer."""
        client = await self._connected()
        await within(RPC_TIMEOUT, client.service_client.check_health(timeout=RPC_TIMEOUT))

    async def client(self) -> Client:
        """For the checks that look at Temporal itself. Raises Unavailable where it does not answer."""
        return await self._connected()

    async def refuse_too_large(self, batch: BatchSpec) -> None:
        """Raises InvalidRequest where the batch is too large for one workflow."""
        payloads = await self._access.converter.encode([BatchInput(batch=batch)])
        if sum(payload.ByteSize() for payload in payloads) > _LARGEST_PAYLOAD:
            raise InvalidRequest("operations: the batch is too large for one workflow; split it")

    async def start_batch(self, batch: BatchSpec) -> None:
        """Starts the batch's workflow, exactly once however often the start has to be repeated.

        Raises:
            Unavailable: Temporal is away, and nothing was started; or, said in the message, it is not known.
        """
        await self._start_once(
            f"batch {batch.batch_id}", f"/batch/operations/{batch.batch_id}", lambda: self._start(batch)
        )

    async def start_rollback(self, rollback: RollbackSpec) -> None:
        """Starts the rollback's workflow, as `start_batch` does a batch's."""

        async def start() -> None:
            await (await self._connected()).start_workflow(
                RollbackWorkflow.run,
                RollbackInput(spec=rollback),
                id=rollback.rollback_id,
                task_queue=self._task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                search_attributes=search.of_rollback(rollback),
                static_summary=_shortened(rollback.name),
                rpc_timeout=RPC_TIMEOUT,
            )

        identity = rollback.rollback_id
        await self._start_once(f"rollback {identity}", f"/tasks/{identity}", start)

    async def start_task(self, request: OperationInput) -> None:
        """Starts the workflow of a task that belongs to no batch, as `start_batch` does a batch's."""

        async def start() -> None:
            operation = request.operation
            run = run_of(operation)
            await (await self._connected()).start_workflow(
                run,
                request,
                id=request.task_id,
                task_queue=self._task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                search_attributes=search.of_operation(request),
                static_summary=_shortened(f"{operation.id} of infra {operation.config.infra}"),
                rpc_timeout=RPC_TIMEOUT,
            )

        await self._start_once(f"task {request.task_id}", f"/tasks/{request.task_id}", start)

    async def rollback_outcome(self, rollback_id: str) -> RollbackOutcome | None:
        """The outcome; None where it has not ended within some seconds, or cannot be asked for.

        Raises:
            Conflict: it was terminated by hand, or ended so long ago that Temporal has forgotten it.
        """
        try:
            return await self._result(rollback_id, RollbackOutcome)
        except WorkflowFailureError as error:
            raise Conflict(
                f"rollback {rollback_id} was ended from outside; what it undid stays undone, and another "
                "request (under another key, if this one had any) goes on with the rest"
            ) from error
        except NotFound as error:
            raise Conflict(
                f"rollback {rollback_id} ended long ago; what is known of it is at /tasks/{rollback_id}"
            ) from error

    async def has_ended(self, task_id: str) -> bool:
        """Whether a task that was started has ended, however; waits some seconds for it."""
        try:
            return await self._result(task_id, OperationResult) is not None
        except (WorkflowFailureError, NotFound):
            return True

    async def _result(self, workflow_id: str, result_type: type[T]) -> T | None:
        """None where it has not ended within some seconds, or cannot be asked for.

        Raises:
            NotFound: there is none, or Temporal has forgotten it.
            WorkflowFailureError: it was ended from outside.
        """
        try:
            handle: WorkflowHandle[object, T] = (await self._connected()).get_workflow_handle(
                workflow_id, result_type=result_type
            )
            return await handle.result(rpc_timeout=_WAITING_SLICE)
        except WorkflowFailureError:
            # What was set back goes on in another run.
            if await self._goes_on(workflow_id):
                return None
            raise
        except (RPCError, RuntimeError, TimeoutError, Unavailable) as error:
            if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
                raise NotFound(f"there is no workflow {workflow_id}, or no longer") from error
            await asyncio.sleep(_PAUSE)
            return None

    async def _goes_on(self, workflow_id: str) -> bool:
        try:
            return await self.is_running(workflow_id)
        except Unavailable:
            return True  # as far as is known

    async def _start_once(self, what: str, path: str, start: Callable[[], Awaitable[None]]) -> None:
        try:
            await self.check()
        except Unavailable as error:
            raise Unavailable(f"{error.message}; nothing was started") from error
        give_up = time.monotonic() + _START_SECONDS
        while True:
            try:
                await start()
                return
            except WorkflowAlreadyStartedError:
                # Ids are made for one work each: it is our own start, whose answer was lost, or that of
                # another request with the same idempotency key.
                return
            except RPCError as error:
                if error.status is RPCStatusCode.INVALID_ARGUMENT:
                    # The door let it pass, so this is about the namespace: its search attributes, say.
                    log.error("Temporal refuses %s: %s", what, error.message)
                    kind = what.partition(" ")[0]
                    raise Unavailable(
                        f"Temporal refuses to start a {kind} at the moment; nothing was started"
                    ) from error
                if time.monotonic() > give_up:
                    raise _unknown_start(what, path) from error
            except (RuntimeError, TimeoutError) as error:
                if time.monotonic() > give_up:
                    raise _unknown_start(what, path) from error
            await asyncio.sleep(_PAUSE)

    async def cancel(self, workflow_id: str, reason: str) -> None:
        """Asks a batch, a task or a rollback to cancel; asking again changes nothing.

        Raises:
            NotFound: none of this id is running.
            Unavailable: Temporal is away.
        """
        handle = (await self._connected()).get_workflow_handle(workflow_id)
        # All of them know this signal by the same name.
        await translated(handle.signal(BatchWorkflow.cancel, reason, rpc_timeout=RPC_TIMEOUT), workflow_id)

    async def is_running(self, workflow_id: str) -> bool:
        """Raises Unavailable where Temporal is away."""
        return await self._status(workflow_id) is WorkflowExecutionStatus.RUNNING

    async def exists(self, workflow_id: str) -> bool:
        """Whether it was started, as far as Temporal remembers. Raises Unavailable where it is away."""
        return await self._status(workflow_id) is not None

    async def _status(self, workflow_id: str) -> WorkflowExecutionStatus | None:
        handle = (await self._connected()).get_workflow_handle(workflow_id)
        try:
            description = await translated(handle.describe(rpc_timeout=RPC_TIMEOUT), workflow_id)
        except NotFound:
            return None
        return description.status

    async def progress(self, workflow_id: str) -> ProgressInfo:
        """How far a running workflow is, from itself. Raises as `snapshots` does."""
        return await self._query(workflow_id, "progress", ProgressInfo)

    async def snapshots(self, workflow_id: str) -> list[StateSnapshot]:
        """The snapshots that a running workflow has not handed to the store yet.

        Raises:
            NotFound: it is not running.
            Unavailable: Temporal is away, or no worker answers in time.
        """
        return await self._query(workflow_id, "snapshots", list[StateSnapshot])

    async def snapshots_of_task(self, batch_id: str, task_id: str) -> list[StateSnapshot]:
        """Those of a task that its batch holds: a task that ends leaves them to it. Raises as `snapshots`."""
        return await self._query(batch_id, "snapshots", list[StateSnapshot], task_id)

    async def _query(self, workflow_id: str, name: str, result_type: type[T], *arguments: object) -> T:
        handle: WorkflowHandle[object, object] = (await self._connected()).get_workflow_handle(workflow_id)

        async def ask(within_time: timedelta) -> T:
            answer: T = await handle.query(
                name,
                args=arguments,
                result_type=result_type,
                # A closed workflow would be replayed for it; the read model knows as much.
                reject_condition=QueryRejectCondition.NOT_OPEN,
                rpc_timeout=within_time,
            )
            return answer

        return await answered(ask, workflow_id)

    async def _connected(self) -> Client:
        """The client; one connect at a time, and a new attempt with every request until it worked."""
        if self._client is None:
            async with self._connecting:
                if self._client is None:
                    connecting = self._access.client()
                    self._client = await within(timedelta(seconds=_CONNECT_SECONDS), connecting)
        return self._client

    async def _start(self, batch: BatchSpec) -> None:
        client = await self._connected()
        await client.start_workflow(
            BatchWorkflow.run,
            BatchInput(batch=batch),
            id=batch.batch_id,
            task_queue=self._task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            search_attributes=search.of_batch(batch),
            static_summary=_shortened(batch.name),
            rpc_timeout=RPC_TIMEOUT,
        )


def _shortened(text: str) -> str:
    return text.encode()[:_SUMMARY_BYTES].decode(errors="ignore")


def _unknown_start(what: str, path: str) -> Unavailable:
    kind, _, identity = what.partition(" ")
    return Unavailable(
        f"{AWAY}, and it is not known whether the {kind} was started; if it was, it is {identity}: "
        f"see {path} before you send it again"
    )
