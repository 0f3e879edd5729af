"""The states that a task, a batch and an effect can be in, and the ways between them."""

from enum import StrEnum


class TaskStatus(StrEnum):
    """Where a task stands. The names are the contract's."""

    PENDING = "Pending"
    RUNNING = "Running"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELLED = "Cancelled"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL_TASK_STATES

    def may_become(self, other: "TaskStatus") -> bool:
        return other in _TRANSITIONS[self]


TERMINAL_TASK_STATES = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED})

_TRANSITIONS: dict[TaskStatus, frozenset[TaskStatus]] = {
    TaskStatus.PENDING: frozenset({TaskStatus.RUNNING, TaskStatus.CANCELLED}),
    # Back to pending: a child that a continued batch looks for and that was never started.
    TaskStatus.RUNNING: TERMINAL_TASK_STATES | {TaskStatus.PENDING},
    TaskStatus.COMPLETED: frozenset(),
    TaskStatus.FAILED: frozenset(),
    TaskStatus.CANCELLED: frozenset(),
}


class BatchStatus(StrEnum):
    """Where a batch stands. The names are the contract's; there is no pending batch."""

    RUNNING = "Running"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELLED = "Cancelled"

    @property
    def is_terminal(self) -> bool:
        return self is not BatchStatus.RUNNING


class FailureAction(StrEnum):
    """What the failure of one operation means for its batch."""

    ROLLBACK = "rollback"
    """Nothing new starts, what runs is cancelled, what completed is undone."""
    CONTINUE = "continue"
    """Dependents are cancelled, independent operations run on, what was built stays."""
    FAIL = "fail"
    """Nothing new starts, what runs is cancelled, what completed stays."""
