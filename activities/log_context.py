"""Whose work an activity does, for the lines that are written in its course."""

import contextvars
from collections.abc import Mapping
from typing import Any

from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

_NAMES = ("task_id", "batch_id", "operation_id")

_cause: contextvars.ContextVar[Mapping[str, str] | None] = contextvars.ContextVar("cause", default=None)


def cause() -> Mapping[str, str]:
    """The ids of task, batch and operation, as far as the activity was told them."""
    return _cause.get() or {}


class CauseInterceptor(Interceptor):
    """Notes the ids that an activity's argument bears."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Noting(next)


class _Noting(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        _cause.set(_named(input.args[0]) if input.args else {})
        return await super().execute_activity(input)


def _named(argument: object) -> Mapping[str, str]:
    """Actions have a cause; records are of somebody themselves."""
    bearer = getattr(argument, "cause", argument)
    found = {name: getattr(bearer, name, None) for name in _NAMES}
    return {name: value for name, value in found.items() if isinstance(value, str)}
