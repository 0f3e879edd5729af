"""Every timeout and retry policy, by what it is for."""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

HEARTBEAT = timedelta(seconds=5)
"""How long a dead worker goes unnoticed. Shorter, and a busy machine is taken for a dead one."""

REPORT_INTERVAL = timedelta(seconds=1)
"""How often a workflow writes down what changed, at most."""

REFUSED_REPORT_PAUSE = timedelta(seconds=10)
"""How long until a report that was refused, and not just delayed, is tried again."""

MAX_PARALLEL_ACTIONS = 10
"""Actions of one operation, or of one undoing, at the same time."""

MAX_ACTIONS = 1_500
"""Of one operation: a history has 51,200 events at most, and one that came upon that end could take nothing
back. An action takes 5 or 6 events (measured, with 60 of 1 to 3 s), 15 where each is told by itself, and its
undoing as many."""

_ACTION_RETRIES = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=20),
    # A worker that dies costs an attempt too, so this is far above what a failing provider deserves:
    # what cannot succeed says so by its error's type and is not retried at all.
    maximum_attempts=20,
)

_UNDO_RETRIES = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=20),
    maximum_attempts=30,
)

_RECORD_RETRIES = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=1.5,
    maximum_interval=timedelta(seconds=5),
)


class ActivityOptions(TypedDict, total=False):
    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy
    cancellation_type: ActivityCancellationType


def action(time_left: timedelta) -> ActivityOptions:
    """A step forward, within what is left of its operation's time."""
    return ActivityOptions(
        schedule_to_close_timeout=max(time_left, timedelta(seconds=1)),
        heartbeat_timeout=HEARTBEAT,
        retry_policy=_ACTION_RETRIES,
        # The attempt cleans up after itself before anything else touches the same resource.
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )


UNDO = ActivityOptions(
    start_to_close_timeout=timedelta(hours=1),
    heartbeat_timeout=HEARTBEAT,
    retry_policy=_UNDO_RETRIES,
)

RECORD = ActivityOptions(
    # Rows for 10,000 operations take their time; a worker that dies over them is noticed by its heartbeat.
    start_to_close_timeout=timedelta(seconds=120),
    heartbeat_timeout=HEARTBEAT,
    retry_policy=_RECORD_RETRIES,
)
"""Retried for as long as it takes: what happened must be written down."""

LOOK_UP = RECORD
"""Waits for the stores for as long as they are away."""

ATTACH = ActivityOptions(
    start_to_close_timeout=timedelta(days=30),
    heartbeat_timeout=HEARTBEAT,
    retry_policy=_RECORD_RETRIES,
    cancellation_type=ActivityCancellationType.TRY_CANCEL,
)
"""Waiting for an operation that an earlier run of the batch started."""
