"""The one table from our errors to Temporal failures. `type` is the error's class name."""

import contextlib
from collections.abc import Iterator

from temporalio.exceptions import ApplicationError

from workflows.domain.errors import ProvisioningError

MAX_MESSAGE = 4000
"""Characters of an error that go into a workflow history; its end is where a log says what went wrong."""


@contextlib.contextmanager
def as_activity_failure() -> Iterator[None]:
    """Turns the errors of our tree into failures that say whether a retry can help."""
    try:
        yield
    except ProvisioningError as error:
        raise ApplicationError(
            bounded(error.message), type=type(error).__name__, non_retryable=not error.retryable
        ) from error


def bounded(text: str, limit: int = MAX_MESSAGE) -> str:
    """`text`, or its beginning and its end where it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    head, tail = limit // 4, limit - limit // 4
    return f"{text[:head]}\n[... {len(text) - limit} characters left out ...]\n{text[-tail:]}"
