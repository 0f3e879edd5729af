"""The id of the request that is being served, for whoever writes a log line or an error."""

import contextvars
from collections.abc import Mapping

HEADER = "X-Request-ID"

NONE = "-"
"""Where no request is being served."""

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default=NONE)


def current() -> str | None:
    """The id; None where no request is being served."""
    identity = request_id.get()
    return None if identity == NONE else identity


def context() -> Mapping[str, str]:
    """What a log line says of the request in whose course it is written."""
    identity = current()
    return {} if identity is None else {"request_id": identity}
