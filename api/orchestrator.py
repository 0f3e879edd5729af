"""The only Temporal client of the API: starts, signals and queries of workflows, each with a deadline."""

import asyncio
import logging
import time
from collections.abc import Awaitable
from datetime import timedelta
from typing import TypeVar

from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
)
from temporalio.common import QueryRejectCondition, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from workflows import search
from workflows.batch import BatchWorkflow
from workflows.batch_state import BatchInput
from workflows.codec import data_converter
from workflows.domain.batches import BatchSpec
from workflows.domain.errors import InvalidRequest, NotFound, Unavailable
from workflows.domain.progress import ProgressInfo
from workflows.domain.records import StateSnapshot

log = logging.getLogger(__name__)

T = TypeVar("T")

_RPC_TIMEOUT = timedelta(seconds=3)
_CONNECT_SECONDS = 3.0
_QUERY_TIMEOUT = timedelta(seconds=2.5)
_START_SECONDS = 12.0
"""How long a start is repeated whose outcome is not known."""
_PAUSE = 0.3
_LARGEST_PAYLOAD = 2_000_000
"""Bytes of a workflow's argument that the server takes, less a little for what is around it."""
_SUMMARY_BYTES = 180

_AWAY = "Temporal does not answer"
_NO_WORKER = "no worker answers for this workflow at the moment"


class Orchestrator:
    """Speaks with Temporal. Connects at first use, and again by itself after Temporal was away."""

    def __init__(self, target: str, namespace: str, task_queue: str) -> None:
        self._target = target
        self._namespace = namespace
        self._task_queue = task_queue
        self._client: Client | None = None
        self._connecting = asyncio.Lock()

    async def check(self) -> None:
        """Raises Unavailable where Temporal does not answer."""
        client = await self._connected()
        await _within(_RPC_TIMEOUT, client.service_client.check_health(timeout=_RPC_TIMEOUT))

    async def start_batch(self, batch: BatchSpec) -> None:
        """Starts the batch's workflow, exactly once however often the start has to be repeated.

        Raises:
            InvalidRequest: the batch is too large for one workflow.
            Unavailable: Temporal is away, and nothing was started; or, said in the message, it is not known.
        """
        await self._refuse_too_large(batch)
        try:
            await self.check()
        except Unavailable as error:
            raise Unavailable(f"{error.message}; nothing was started") from error
        give_up = time.monotonic() + _START_SECONDS
        while True:
            try:
                await self._start(batch)
                return
            except WorkflowAlreadyStartedError:
                # The id is new with every request: it is our own start whose answer was lost.
                return
            except RPCError as error:
                if error.status is RPCStatusCode.INVALID_ARGUMENT:
                    # The door let it pass, so this is about the namespace: its search attributes, say.
                    log.error("Temporal refuses batch %s: %s", batch.batch_id, error.message)
                    raise Unavailable(
                        "Temporal refuses batches at the moment; nothing was started"
                    ) from error
                if time.monotonic() > give_up:
                    raise _unknown_start(batch.batch_id) from error
            except (RuntimeError, TimeoutError) as error:
                if time.monotonic() > give_up:
                    raise _unknown_start(batch.batch_id) from error
            await asyncio.sleep(_PAUSE)

    async def cancel_batch(self, batch_id: str, reason: str) -> None:
        """Asks a batch to cancel; asking again changes nothing.

        Raises:
            NotFound: no such batch is running.
            Unavailable: Temporal is away.
        """
        handle = (await self._connected()).get_workflow_handle(batch_id)
        await _translated(handle.signal(BatchWorkflow.cancel, reason, rpc_timeout=_RPC_TIMEOUT), batch_id)

    async def is_running(self, workflow_id: str) -> bool:
        """Raises Unavailable where Temporal is away."""
        handle = (await self._connected()).get_workflow_handle(workflow_id)
        try:
            description = await _translated(handle.describe(rpc_timeout=_RPC_TIMEOUT), workflow_id)
        except NotFound:
            return False
        return description.status is WorkflowExecutionStatus.RUNNING

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

    async def _query(self, workflow_id: str, name: str, result_type: type[T]) -> T:
        handle: WorkflowHandle[object, object] = (await self._connected()).get_workflow_handle(workflow_id)
        try:
            answer: T = await _translated(
                handle.query(
                    name,
                    result_type=result_type,
                    # A closed workflow would be replayed for it; the read model knows as much.
                    reject_condition=QueryRejectCondition.NOT_OPEN,
                    rpc_timeout=_QUERY_TIMEOUT,
                ),
                workflow_id,
                timed_out=_NO_WORKER,
            )
        except WorkflowQueryRejectedError:
            raise NotFound(f"workflow {workflow_id} is not running") from None
        except WorkflowQueryFailedError as error:
            log.warning("query %s of %s failed: %s", name, workflow_id, error.message)
            raise Unavailable(_NO_WORKER) from error
        return answer

    async def _connected(self) -> Client:
        """The client; one connect at a time, and a new attempt with every request until it worked."""
        if self._client is None:
            async with self._connecting:
                if self._client is None:
                    connecting = Client.connect(
                        self._target, namespace=self._namespace, data_converter=data_converter
                    )
                    self._client = await _within(timedelta(seconds=_CONNECT_SECONDS), connecting)
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
            rpc_timeout=_RPC_TIMEOUT,
        )

    async def _refuse_too_large(self, batch: BatchSpec) -> None:
        payloads = await data_converter.encode([BatchInput(batch=batch)])
        if sum(payload.ByteSize() for payload in payloads) > _LARGEST_PAYLOAD:
            raise InvalidRequest("operations: the batch is too large for one workflow; split it")


def _shortened(text: str) -> str:
    return text.encode()[:_SUMMARY_BYTES].decode(errors="ignore")


def _unknown_start(batch_id: str) -> Unavailable:
    return Unavailable(
        f"{_AWAY}, and it is not known whether the batch was started; if it was, it is {batch_id}: "
        f"see /batch/operations/{batch_id} before you send it again"
    )


async def _within(deadline: timedelta, call: Awaitable[T]) -> T:
    """Raises Unavailable where `call` fails in any way that has to do with the connection."""
    try:
        return await asyncio.wait_for(call, deadline.total_seconds())
    except (RPCError, RuntimeError, TimeoutError) as error:
        raise Unavailable(_AWAY) from error


async def _translated(call: Awaitable[T], workflow_id: str, timed_out: str = _AWAY) -> T:
    try:
        return await call
    except RPCError as error:
        match error.status:
            case RPCStatusCode.NOT_FOUND:
                raise NotFound(f"no workflow {workflow_id} is running") from error
            case RPCStatusCode.DEADLINE_EXCEEDED | RPCStatusCode.CANCELLED:
                raise Unavailable(timed_out) from error
            case RPCStatusCode.FAILED_PRECONDITION:
                raise Unavailable(_NO_WORKER) from error
            case _:
                raise Unavailable(_AWAY) from error
