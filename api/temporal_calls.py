"""Calls to Temporal: their deadlines, and what their errors mean to a client."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from temporalio.client import WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.service import RPCError, RPCStatusCode

from workflows.domain.errors import NotFound, Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

RPC_TIMEOUT = timedelta(seconds=3)

QUERY_TIMEOUT = timedelta(seconds=6)
"""How long an answer of a workflow is waited for: a worker that has to replay it needs a moment."""

_PAUSE = 0.2

AWAY = "Temporal does not answer"
NO_WORKER = "no worker answers for this workflow at the moment"


async def within(deadline: timedelta, call: Awaitable[T]) -> T:
    """Raises Unavailable where `call` fails in any way that has to do with the connection."""
    try:
        return await asyncio.wait_for(call, deadline.total_seconds())
    except (RPCError, RuntimeError, TimeoutError) as error:
        raise Unavailable(AWAY) from error


async def translated(call: Awaitable[T], workflow_id: str, timed_out: str = AWAY) -> T:
    try:
        return await call
    except RPCError as error:
        raise _meaning(error, workflow_id, timed_out) from error


def _meaning(error: RPCError, workflow_id: str, timed_out: str) -> NotFound | Unavailable:
    match error.status:
        case RPCStatusCode.NOT_FOUND:
            return NotFound(f"no workflow {workflow_id} is running")
        case RPCStatusCode.DEADLINE_EXCEEDED | RPCStatusCode.CANCELLED:
            return Unavailable(timed_out)
        case RPCStatusCode.FAILED_PRECONDITION:
            return Unavailable(NO_WORKER)
        case _:
            return Unavailable(AWAY)


async def answered(query: Callable[[timedelta], Awaitable[T]], workflow_id: str) -> T:
    """What a running workflow answers to `query`, which is given the time it may take.

    A workflow that was just started, or whose worker just went away, refuses at first; it is asked again.

    Raises:
        NotFound: it is not running.
        Unavailable: Temporal is away, or no worker answers in time.
    """
    deadline = time.monotonic() + QUERY_TIMEOUT.total_seconds()
    while True:
        left = timedelta(seconds=max(0.0, deadline - time.monotonic()))
        try:
            return await query(left)
        except WorkflowQueryRejectedError:
            raise NotFound(f"workflow {workflow_id} is not running") from None
        except (RPCError, WorkflowQueryFailedError) as error:
            refusal = _unanswered(error, workflow_id)
            if not _may_change(error) or time.monotonic() + _PAUSE >= deadline:
                log.warning("workflow %s does not answer: %s", workflow_id, error.message)
                raise refusal from error
        await asyncio.sleep(_PAUSE)


def _may_change(error: RPCError | WorkflowQueryFailedError) -> bool:
    return isinstance(error, WorkflowQueryFailedError) or error.status is RPCStatusCode.FAILED_PRECONDITION


def _unanswered(error: RPCError | WorkflowQueryFailedError, workflow_id: str) -> NotFound | Unavailable:
    if isinstance(error, WorkflowQueryFailedError):
        return Unavailable(NO_WORKER)
    return _meaning(error, workflow_id, timed_out=NO_WORKER)
