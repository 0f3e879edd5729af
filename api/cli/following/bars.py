"""Work on a terminal: a bar for all of it and one for each operation that runs, and the log beneath."""

import time
from collections import Counter, deque
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple, Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.style import Style
from rich.table import Table
from rich.text import Text

from api.cli.colours import BLUE, GREEN, GREY, ORANGE, RED, of_status
from api.cli.following.show import ServiceClock
from api.cli.following.work import Line, Operation, Work
from api.cli.terminal_text import cleaned, in_one_line
from api.cli.times import duration
from workflows.domain.states import TaskStatus

_REFRESHES = 8
"""A second."""

_LONGEST_LOG = 12
_FRAME = 4
"""Lines beside the operations and the log: the whole, what is not shown, a rule, and the cursor's."""

_WIDEST_NAME = 32
_NARROWEST_BAR, _WIDEST_BAR = 8, 30


class _Bar(NamedTuple):
    """A line of the picture. Times are in seconds; `left` counts down from when the picture was made."""

    name: str
    status: str
    percent: float
    passed: float
    left: float | None
    note: str
    is_straight: bool = True
    """Whether it goes forward, and is not stopped or undone."""


class _Picture(NamedTuple):
    """What is drawn until the next one is made, by a thread that must not see the work change."""

    made_at: float
    bars: Sequence[_Bar]
    hidden: str
    lines: Sequence[Line]
    trouble: str


class BarDisplay:
    """Implements `Display`. What it drew last stays on the screen."""

    def __init__(self, console: Console, clock: ServiceClock) -> None:
        self._console = console
        self._clock = clock
        self._log: deque[Line] = deque(maxlen=_LONGEST_LOG)
        self._trouble = ""
        self._work: Work | None = None
        self._picture: _Picture | None = None
        self._live = Live(
            self,
            console=console,
            refresh_per_second=_REFRESHES,
            vertical_overflow="crop",
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._trouble = ""
        self._make_picture()
        self._live.__exit__(kind, error, trace)

    def show(self, work: Work) -> None:
        self._work = work
        # Many operations may change at once; a person sees a few pictures a second.
        made_at = self._picture.made_at if self._picture else 0.0
        if work.has_ended or time.monotonic() - made_at > 1 / _REFRESHES:
            self._make_picture()

    def operation(self, operation: Operation) -> None:
        """It is in the work, which is shown next."""

    def line(self, line: Line) -> None:
        self._log.append(line)

    def trouble(self, why: str) -> None:
        self._trouble = why

    def _make_picture(self) -> None:
        work = self._work
        if work is None:
            return
        room = max(2, self._console.height - _FRAME)
        log_height = min(_LONGEST_LOG, max(1, room // 3))
        shown = _chosen(list(work.operations.values()), max(1, room - log_height))
        self._picture = _Picture(
            made_at=time.monotonic(),
            bars=[self._whole(work), *(self._bar(work, operation) for operation in shown)],
            hidden=_hidden(work, shown),
            lines=tuple(self._log)[-log_height:],
            trouble=self._trouble,
        )

    def _whole(self, work: Work) -> _Bar:
        now = self._clock.now()
        left = work.seconds_left(now)
        if work.has_ended:
            note = f"{work.status}: {work.error}" if work.error else work.status
        else:
            note = work.note
        passed = work.seconds(now)
        return _Bar(work.title, work.status, work.percent, passed, left, note, work.is_straight)

    def _bar(self, work: Work, operation: Operation) -> _Bar:
        passed = operation.seconds(self._clock.now())
        left, note = work.left_for(operation, self._clock.now()), operation.outcome
        if operation.status == TaskStatus.RUNNING:
            note = operation.step
        is_straight = operation.status != TaskStatus.CANCELLED
        name, percent = f"  {operation.id}", operation.percent
        return _Bar(name, operation.status, percent, passed, left, note, is_straight)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        picture = self._picture
        if picture is None:
            return
        since = time.monotonic() - picture.made_at
        yield _grid(picture.bars, options.max_width, since)
        if picture.hidden:
            yield Text(f"  {picture.hidden}", no_wrap=True, overflow="ellipsis")
        if picture.trouble:
            trouble = cleaned(in_one_line(picture.trouble))
            yield Rule(Text(f"{trouble}; trying again", ORANGE), style=GREY, align="left")
        elif picture.lines:
            yield Rule("log", style=GREY, align="left")
        for line in picture.lines:
            yield _log_line(line)


def _chosen(operations: Sequence[Operation], room: int) -> Sequence[Operation]:
    """Those for which there is room, in their order: what runs first, then what failed, then the rest."""
    if len(operations) <= room:
        return operations
    urgency = {TaskStatus.RUNNING.value: 0, TaskStatus.FAILED.value: 1}
    by_urgency = sorted(range(len(operations)), key=lambda place: urgency.get(operations[place].status, 2))
    return [operations[place] for place in sorted(by_urgency[:room])]


def _hidden(work: Work, shown: Sequence[Operation]) -> str:
    counts = Counter(operation.status for operation in work.operations.values())
    counts.subtract(operation.status for operation in shown)
    return _told({status: count for status, count in counts.items() if count > 0})


def _told(counts: dict[str, int]) -> str:
    parts = [f"{count} {status.lower()}" for status, count in sorted(counts.items())]
    return f"and {', '.join(parts)}" if parts else ""


def _grid(bars: Sequence[_Bar], width: int, since: float) -> Table:
    names = [Text(cleaned(bar.name)) for bar in bars]
    bar_width = max(_NARROWEST_BAR, min(_WIDEST_BAR, width // 5))
    grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
    grid.add_column(
        width=min(_WIDEST_NAME, width * 3 // 10, max(name.cell_len for name in names)),
        no_wrap=True,
        overflow="ellipsis",
    )
    grid.add_column(width=bar_width)
    grid.add_column(width=4, justify="right")
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for number, (bar, name) in enumerate(zip(bars, names, strict=True)):
        if number == 0:
            name.stylize("bold")
        grid.add_row(
            name, _drawn(bar, bar_width), f"{bar.percent:.0f}%", _passed(bar, since), _note(bar, since)
        )
    return grid


def _drawn(bar: _Bar, width: int) -> ProgressBar:
    runs = bar.status == TaskStatus.RUNNING
    colour = RED if bar.status == TaskStatus.FAILED else BLUE if bar.is_straight else ORANGE
    return ProgressBar(
        total=100,
        completed=bar.percent,
        width=width,
        # Something happens, and nobody knows how much of it is done.
        pulse=runs and bar.percent == 0,
        animation_time=time.monotonic(),
        style=GREY,
        complete_style=colour,
        finished_style=GREEN if bar.status == TaskStatus.COMPLETED else colour,
        pulse_style=BLUE,
    )


def _passed(bar: _Bar, since: float) -> str:
    if bar.status == TaskStatus.PENDING:
        return ""
    return duration(bar.passed + (since if bar.status == TaskStatus.RUNNING else 0.0))


def _note(bar: _Bar, since: float) -> Text:
    note = Text(
        cleaned(in_one_line(bar.note)),
        of_status(bar.status) if bar.status != TaskStatus.RUNNING else Style.null(),
    )
    left = 0.0 if bar.left is None else bar.left - since
    # One that takes longer than was thought is not nearly done.
    return Text(f"{duration(left)} left, ").append_text(note) if left >= 1 else note


def _log_line(line: Line) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    if line.operation:
        text.append(f"{cleaned(line.operation)} ", BLUE)
    return text.append(f"[{cleaned(line.where)}] {cleaned(line.text)}")
