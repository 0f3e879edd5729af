"""The one door to logging: how the lines of the API and of the workers look, and what is never in them."""

import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from pythonjsonlogger.json import JsonFormatter
from temporalio import activity, workflow

from activities import tracing
from activities.failures import bounded
from activities.log_context import cause
from activities.redaction import Redaction
from activities.request_trail import request_of
from activities.settings import Settings
from workflows.domain.errors import ProvisioningError
from workflows.search import BATCH_ID, OPERATION_ID

_TALKATIVE = ("asyncssh",)
"""Libraries that tell of each command that they run at INFO, with all of its text."""

Context = Callable[[], Mapping[str, str]]
"""What is known of the work in whose course a line is written. Called in the thread that writes it."""

_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s%(context)s"
_FIELDS = ("asctime", "levelname", "name", "message")
_NAMES = {"asctime": "time", "levelname": "level", "name": "logger", "exc_info": "exception"}
_CONTEXT = "context_fields"


def configure(settings: Settings, context: Context, stream: TextIO | None = None) -> None:
    """Makes every logger of this process write to `stream`, or standard error, in the format of the settings.

    Loggers that libraries have set up before, such as uvicorn's, hand on to the root's one handler.
    """
    redaction = Redaction.of(settings)
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.addFilter(_Known(context))
    handler.setFormatter(_Json(redaction) if settings.log_format == "json" else _Text(redaction))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    # The context says where a line comes from.
    activity.logger.activity_info_on_message = workflow.logger.workflow_info_on_message = False
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.NOTSET if settings.log_level == "DEBUG" else logging.WARNING)


def of_temporal() -> Mapping[str, str]:
    """The context of a worker's line: which workflow it is about, and which of its activities."""
    if activity.in_activity():
        info = activity.info()
        named = {
            "workflow_id": info.workflow_id,
            "activity": info.activity_type,
            "activity_id": info.activity_id,
            "attempt": str(info.attempt),
        }
        return {key: value for key, value in named.items() if value} | dict(cause())
    if workflow.in_workflow():
        attributes = workflow.info().typed_search_attributes
        ids = {"batch_id": attributes.get(BATCH_ID), "operation_id": attributes.get(OPERATION_ID)}
        named = {"workflow_id": workflow.info().workflow_id, **request_of(workflow.info().headers), **ids}
        return {key: value for key, value in named.items() if value}
    return {}


class _Known(logging.Filter):
    """Notes the context at the record, since a formatter may run elsewhere."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context

    def filter(self, record: logging.LogRecord) -> bool:
        setattr(record, _CONTEXT, {**self._context(), **tracing.context()})
        _without_traceback(record)
        return True


def _without_traceback(record: logging.LogRecord) -> None:
    """What did not work on its own terms is told by its words, on one line: no code is to be looked at."""
    cause = record.exc_info[1].__cause__ if record.exc_info and record.exc_info[1] else None
    if isinstance(cause, ProvisioningError):
        words = " | ".join(f"{type(cause).__name__}: {bounded(cause.message)}".splitlines())
        record.msg, record.args, record.exc_info = f"{record.getMessage()}: {words}", None, None


class _Text(logging.Formatter):
    def __init__(self, redaction: Redaction) -> None:
        super().__init__(_TEXT)
        self._redaction = redaction

    def format(self, record: logging.LogRecord) -> str:
        fields: Mapping[str, str] = getattr(record, _CONTEXT, {})
        record.context = "".join(f" {key}={value}" for key, value in fields.items())
        # As a whole, so that arguments and exceptions are looked at too.
        return self._redaction.text(super().format(record))


class _Json(JsonFormatter):
    def __init__(self, redaction: Redaction) -> None:
        super().__init__(
            list(_FIELDS), rename_fields=_NAMES, rename_fields_keep_missing=False, json_ensure_ascii=False
        )
        self._redaction = redaction

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        fields = log_data.pop(_CONTEXT, {})
        redacted = self._redaction.value(super().process_log_record(log_data) | fields)
        return redacted if isinstance(redacted, dict) else {}
