"""Whose work an activity does, for the lines that are written in its course and at its end."""

import contextvars
import logging
import time
from collections.abc import Mapping
from typing import Any

from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.request_trail import request_of

log = logging.getLogger(__name__)

_NAMES = ("task_id", "batch_id", "operation_id")

_cause: contextvars.ContextVar[Mapping[str, str] | None] = contextvars.ContextVar("cause", default=None)


def cause() -> Mapping[str, str]:
    """The ids of request, task, batch and operation, as far as the activity was told them."""
    return _cause.get() or {}


class CauseInterceptor(Interceptor):
    """Notes the ids that an activity's argument and headers bear."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Noting(next)


class _Noting(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        named = _named(input.args[0]) if input.args else {}
        _cause.set({**request_of(input.headers), **named})
        started = time.monotonic()
        result = await super().execute_activity(input)
        if input.args and hasattr(input.args[0], "cause"):
            # The SDK has a line for what fails, and what only reads or reports would drown these.
            log.info("done in %.1f s", time.monotonic() - started)
        return result


def _named(argument: object) -> Mapping[str, str]:
    """Actions have a cause; records are of somebody themselves."""
    bearer = getattr(argument, "cause", argument)
    found = {name: getattr(bearer, name, None) for name in _NAMES}
    return {name: value for name, value in found.items() if isinstance(value, str)}
