"""Follows a batch or a task to its end, whatever becomes of the connection."""

import time
from collections.abc import Callable, Iterable
from math import inf

from api.cli.answers import Batch, Progress, Task, valid
from api.cli.client import part_of_path
from api.cli.errors import Refused, Unreachable
from api.cli.following.events import Event
from api.cli.following.show import Display, ServiceClock
from api.cli.following.stream import PATIENCE, EventStream
from api.cli.following.work import Line, Operation, Work
from api.cli.session import Session
from workflows.domain.states import TaskStatus

_TICK = 0.25
"""Seconds after which the display is brought up to date where nothing happens."""

_LOOK = 30.0
"""Seconds after which it is read how things stand although nobody told that they changed."""

_LOOK_AT_WAITING = 3.0
"""The same for a single task that has not begun: nobody tells for whom it waits."""

_LAST_LINES = 10.0
"""Seconds after which the last events are no longer waited for: a log that begins anew tells no end."""

_MAX_LOOKED_UP = 20
"""Operations of which more is read than their batch says."""


class Follower:
    """One follower of one piece of work.

    `is_new` says that the work was asked for after the stream was entered, which so tells its end.
    """

    def __init__(
        self,
        session: Session,
        stream: EventStream,
        display: Display,
        clock: ServiceClock,
        *,
        is_new: bool = False,
    ) -> None:
        self._session = session
        self._stream = stream
        self._display = display
        self._clock = clock
        self._is_new = is_new
        self._connected = 0
        self._looked_at = -inf
        self._reached_at = time.monotonic()

    def batch(self, batch_id: str) -> Work:
        """The batch, once it has ended.

        Raises:
            Refused: there is no such batch.
            Unreachable: the service is away for too long.
        """
        work = Work(batch_id, f"batch {batch_id}")
        return self._follow(work, lambda: self._read_batch(work))

    def task(self, task_id: str) -> Work:
        """The task, once it has ended. Raises as `batch` does."""
        work = Work(task_id, f"task {task_id}")
        return self._follow(work, lambda: self._read_task(work))

    def _follow(self, work: Work, read: Callable[[], None]) -> Work:
        self._look(read)
        will_be_told = self._is_new or not work.has_ended
        while not work.has_ended:
            self._look(read, _LOOK_AT_WAITING if work.status == TaskStatus.PENDING else _LOOK)
            self._display.show(work)
            if not work.has_ended:
                self._take(work, self._stream.next(_TICK))
        self._hear_out(work, will_be_told=will_be_told)
        self._looked_at = -inf
        self._look(read)
        self._display.show(work)
        return work

    def _hear_out(self, work: Work, *, will_be_told: bool) -> None:
        """Takes the rest of what was told of work whose end was read before it was heard.

        Nothing of it is told after its end, which comes for certain where it was not over before.
        """
        give_up = time.monotonic() + _LAST_LINES
        while not work.is_told and time.monotonic() < give_up:
            event = self._stream.next(_TICK)
            if event is None and not self._stream.trouble and not will_be_told:
                return
            self._take(work, event)

    def _take(self, work: Work, event: Event | None) -> None:
        self._display.trouble(self._stream.trouble)
        if event is None:
            return
        self._clock.heard(event.timestamp)
        if not work.concerns(event):
            return
        match work.apply(event):
            case Line() as line:
                self._display.line(line)
            case Operation() as operation:
                self._display.operation(operation)

    def _look(self, read: Callable[[], None], after: float = _LOOK) -> None:
        now = time.monotonic()
        if self._stream.connected == self._connected and now - self._looked_at < after:
            return
        try:
            read()
        except Unreachable as error:
            if now - self._reached_at > PATIENCE:
                raise
            # Just started, and not written down yet; or away for the moment.
            self._display.trouble(str(error))
            time.sleep(_TICK)
            return
        self._connected = self._stream.connected
        self._looked_at = self._reached_at = time.monotonic()

    def _read_batch(self, work: Work) -> None:
        batch = valid(Batch, self._session.call("GET", f"/batch/operations/{part_of_path(work.id)}"))
        work.id = batch.batch_id
        work.title, work.started_at = f"batch {batch.name}", batch.created_at
        work.total = work.total or len(batch.operations)
        for operation in list(work.found(_operations(batch))):
            self._display.operation(operation)
        self._look_up(operation for operation in work.operations.values() if _is_told_too_little(operation))
        if not work.has_ended:
            self._read_progress(work)
        work.status, work.ended_at = batch.status, batch.completed_at
        work.error, work.remaining = batch.error or "", batch.remaining
        if work.has_ended:
            work.done = sum(operation.has_ended for operation in work.operations.values())
            work.percent = 100.0 * work.done / max(1, work.total)

    def _read_progress(self, work: Work) -> None:
        try:
            found = valid(Progress, self._session.call("GET", f"/state/workflows/{work.id}/progress"))
        except (Unreachable, Refused):
            return  # It comes with the next event.
        work.percent = max(work.percent, found.progress)
        work.step, work.done, work.total = found.current_step, found.completed_steps, found.total_steps
        work.left, work.left_at = found.estimated_time_remaining, self._clock.now()

    def _look_up(self, operations: Iterable[Operation]) -> None:
        for operation, _ in zip(operations, range(_MAX_LOOKED_UP), strict=False):
            task = self._task(operation.task_id)
            operation.started_at, operation.ended_at = task.started_at, task.completed_at
            operation.error = task.error or ""

    def _read_task(self, work: Work) -> None:
        task = self._task(work.id)
        work.id, work.title = task.id, task.name
        work.started_at, work.ended_at = task.started_at, task.completed_at
        work.status, work.error = task.status, task.error or ""
        work.percent = max(work.percent, task.progress or 0.0)
        if not work.has_ended:
            self._read_progress(work)

    def _task(self, task_id: str) -> Task:
        return valid(Task, self._session.call("GET", f"/tasks/{part_of_path(task_id)}"))


def _operations(batch: Batch) -> Iterable[Operation]:
    return (Operation(o.id, o.task_id, o.status, o.progress) for o in batch.operations)


def _is_told_too_little(operation: Operation) -> bool:
    """Since when it runs, and why it failed, stands in its task alone."""
    failed = operation.status == TaskStatus.FAILED and not operation.error
    return failed or (operation.status == TaskStatus.RUNNING and operation.started_at is None)
