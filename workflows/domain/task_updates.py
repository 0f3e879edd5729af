"""A change of a task, with a version that only grows."""

from datetime import datetime

from workflows.domain.resources import Frozen
from workflows.domain.states import TaskStatus

RUNNING_VERSION = 1
FIRST_PROGRESS_VERSION = 2
"""Versions of a task: 0 pending, 1 running, then its own progress, then `TERMINAL_VERSION` and above."""
TERMINAL_VERSION = 1_000_000_000


class TaskUpdate(Frozen):
    """A change of a task. Fields that are None stay as they are."""

    id: str
    version: int
    previous: TaskStatus
    status: TaskStatus
    at: datetime
    name: str
    workflow_type: str
    batch_id: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    output: str | None = None
    error: str | None = None
    progress: float | None = None
    step: str = ""
    """What it is doing, or what this change means, in a few words."""
