"""Calls to Temporal: their deadlines, and what their errors mean to a client."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import TypeVar

from temporalio.service import RPCError, RPCStatusCode

from workflows.domain.errors import NotFound, Unavailable

T = TypeVar("T")

RPC_TIMEOUT = timedelta(seconds=3)

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
        match error.status:
            case RPCStatusCode.NOT_FOUND:
                raise NotFound(f"no workflow {workflow_id} is running") from error
            case RPCStatusCode.DEADLINE_EXCEEDED | RPCStatusCode.CANCELLED:
                raise Unavailable(timed_out) from error
            case RPCStatusCode.FAILED_PRECONDITION:
                raise Unavailable(NO_WORKER) from error
            case _:
                raise Unavailable(AWAY) from error
