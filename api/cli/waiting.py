"""Waiting for work to end, while it is shown; and what is said at the end of that.

Whatever ends the waiting, the work goes on at the service, and the person is told how to come back.
"""

import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from http import HTTPStatus
from types import FrameType, TracebackType
from typing import NoReturn, Self

import typer
from rich.console import Console

from api.cli.client import part_of_path
from api.cli.errors import OutcomeUnknown, Refused
from api.cli.exit_codes import ExitCode
from api.cli.following.bars import BarDisplay
from api.cli.following.follow import Follower
from api.cli.following.lines import LineDisplay
from api.cli.following.show import Display, ServiceClock
from api.cli.following.stream import EventStream
from api.cli.following.work import Work
from api.cli.output import complain, show_json, tell
from api.cli.profiles import DEFAULT_PROFILE
from api.cli.session import Session
from workflows.domain.states import BatchStatus, TaskStatus

_CODES = {
    TaskStatus.COMPLETED.value: ExitCode.OK,
    TaskStatus.FAILED.value: ExitCode.FAILED,
    TaskStatus.CANCELLED.value: ExitCode.CANCELLED,
}

_MAX_TOLD = 20
"""Errors that are told one by one."""


Hint = tuple[str, tuple[str, ...]]
"""What a command does for the person, and its words."""


class _Terminated(BaseException):
    """SIGTERM, after which the terminal has to be left in order."""


class Waiting:
    """Hears everything from its entering on, so it is entered before the work is started.

    Raises:
        Exit: with the exit code of an interruption.
        Unreachable, NotLoggedIn, Refused: the service does not tell its events.
    """

    def __init__(self, session: Session, *, as_json: bool) -> None:
        self.session = session
        self.as_json = as_json
        self.stream = EventStream(session)
        self.clock = ServiceClock()
        self._work = ""
        self._hints: Sequence[Hint] = ()
        self._is_known = False
        self._is_new = False

    def __enter__(self) -> Self:
        self.stream.__enter__()
        signal.signal(signal.SIGTERM, _terminate)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if self._may_go_on(error):
            self._tell_how_to_come_back()
        self.stream.__exit__(kind, error, trace)
        match error:
            case KeyboardInterrupt():
                raise typer.Exit(ExitCode.INTERRUPTED) from None
            case _Terminated():
                raise typer.Exit(ExitCode.TERMINATED) from None

    def starts(self, work: str, hint: Hint) -> None:
        """Something will be asked for; where to look for it as long as its id is not known."""
        self._work, self._hints, self._is_new = work, (hint,), True

    def has(self, work: str, *hints: Hint) -> None:
        """What runs, and the commands that bring a person back to it."""
        self._work, self._hints, self._is_known = work, hints, True

    def display(self) -> Display:
        """Bars where a person looks on; in stderr where the output is for a script."""
        console = Console(stderr=self.as_json)
        stream = sys.stderr if self.as_json else sys.stdout
        if stream.isatty() and not console.is_dumb_terminal:
            return BarDisplay(console, self.clock)
        return LineDisplay(stream, self.clock)

    def follow(self, follow: Callable[[Follower], Work], display: Display | None = None) -> Work:
        with display or self.display() as shown:
            follower = Follower(self.session, self.stream, shown, self.clock, is_new=self._is_new)
            return follow(follower)

    def batch(self, batch_id: str, wanted: BatchStatus = BatchStatus.COMPLETED) -> NoReturn:
        """Until the batch has ended. Raises Exit with the code of its outcome, 0 for the one wanted."""
        come_back, cancel = ("batch", "watch", batch_id), ("batch", "cancel", batch_id)
        self.has(f"batch {batch_id}", ("come back", come_back), ("cancel it", cancel))
        work = self.follow(lambda follower: follower.batch(batch_id))
        self._end(work, f"/batch/operations/{part_of_path(batch_id)}", wanted)

    def task(self, task_id: str, wanted: TaskStatus = TaskStatus.COMPLETED) -> NoReturn:
        """Until the task has ended. Raises Exit with the code of its outcome, 0 for the one wanted."""
        come_back, cancel = ("tasks", "logs", "-f", task_id), ("tasks", "cancel", task_id)
        self.has(f"task {task_id}", ("come back", come_back), ("cancel it", cancel))
        work = self.follow(lambda follower: follower.task(task_id))
        self._end(work, f"/tasks/{part_of_path(task_id)}", wanted)

    def _end(self, work: Work, path: str, wanted: str) -> NoReturn:
        if self.as_json:
            show_json(self.session.call("GET", path))
        tell_errors(work)
        if work.status == wanted:
            raise typer.Exit(ExitCode.OK)
        # Also where it completed and should have been cancelled.
        raise typer.Exit(outcome_code(work.status) or ExitCode.FAILED)

    def _may_go_on(self, error: BaseException | None) -> bool:
        if error is None or isinstance(error, typer.Exit) or not self._work:
            return False
        if isinstance(error, Refused) and error.status != HTTPStatus.FORBIDDEN:
            return False  # There is no such work.
        return self._is_known or isinstance(error, KeyboardInterrupt | _Terminated | OutcomeUnknown)

    def _tell_how_to_come_back(self) -> None:
        tell(f"{self._work} goes on at the service")
        for what, words in self._hints:
            tell(f"  {what} with: {command(self.session, words)}")


def outcome_code(status: str | None) -> ExitCode:
    """The code for how something ended; a status that is not known is no success."""
    return _CODES.get(status or "", ExitCode.FAILED)


def command(session: Session, words: Sequence[str]) -> str:
    """A command of ours as it is typed, for the same profile."""
    profile = () if session.profile_name == DEFAULT_PROFILE else ("--profile", session.profile_name)
    return shlex.join(["provisioning", *words, *profile])


def tell_errors(work: Work) -> None:
    """In full, what the display had to cut off."""
    failed = [operation for operation in work.having(TaskStatus.FAILED) if operation.error]
    for operation in failed[:_MAX_TOLD]:
        complain(f"{operation.id}: {operation.error}")
    if work.error and not failed:
        complain(f"{work.title}: {work.error}")
    for line in work.remaining:
        complain(f"left behind: {line}")


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise _Terminated
