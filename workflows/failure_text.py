"""What an operator reads of an error that crossed Temporal."""

from temporalio.exceptions import ActivityError, ApplicationError, TimeoutError, TimeoutType


def failure_text(error: BaseException) -> str:
    """The innermost message that was meant for people."""
    cause: BaseException = error
    while isinstance(cause, ActivityError) and cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, TimeoutError):
        if cause.type is TimeoutType.SCHEDULE_TO_CLOSE:
            inner = cause.__cause__
            return "timed out" + (f": {failure_text(inner)}" if inner is not None else "")
        return "no worker carried it through: every attempt was lost"
    if isinstance(cause, ApplicationError):
        return cause.message
    return str(cause) or type(cause).__name__
