"""How the demo shows a batch: live bars on a terminal, plain lines elsewhere."""

import time
from collections import deque
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from deploy.local.demo.following import LogLine, Moment

_COLOURS = {"Running": "cyan", "Completed": "green", "Failed": "red", "Cancelled": "yellow"}
_LOG_LINES = 12


class Display(Protocol):
    """Shows the moments of one batch, between entering and leaving it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def show(self, moment: Moment) -> None: ...


def display_on(console: Console) -> Display:
    return LiveDisplay(console) if console.is_terminal else PlainDisplay(console)


class PlainDisplay:
    """A line for each change and for each line of a log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._seen: dict[str, tuple[str, str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def show(self, moment: Moment) -> None:
        for line in moment.lines:
            self._print(f"{line.operation} | {line.text}")
        for operation in moment.batch.operations:
            state = (operation.status, moment.steps.get(operation.id, ""))
            if operation.status != "Pending" and self._seen.get(operation.id) != state:
                self._seen[operation.id] = state
                self._print(f"{operation.id}: {operation.status} {operation.progress:.0f}% {state[1]}")
        overall = (moment.batch.status, f"{moment.progress.progress:.0f}%")
        if self._seen.get("") != overall:
            self._seen[""] = overall
            self._print(f"batch {moment.batch.name}: {' '.join(overall)}")

    def _print(self, text: str) -> None:
        elapsed = time.monotonic() - self._began
        self._console.out(f"{elapsed:6.1f}s  {text}".rstrip(), highlight=False)


class LiveDisplay:
    """A bar for the batch and one for each operation, above the last lines of what runs."""

    def __init__(self, console: Console) -> None:
        self._log: deque[LogLine] = deque(maxlen=_LOG_LINES)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
        )
        self._ids: dict[str, TaskID] = {}
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=8)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.refresh()
        self._live.__exit__(kind, error, trace)

    def show(self, moment: Moment) -> None:
        self._log.extend(moment.lines)
        left = moment.progress.estimated_time_remaining
        time_left = f", about {left} s left" if left and not moment.batch.has_ended else ""
        note = f"{moment.batch.status}{time_left}"
        self._move("", f"batch {moment.batch.name}", moment.batch.status, moment.progress.progress, note)
        for operation in moment.batch.operations:
            step = moment.steps.get(operation.id, "")
            words = f"{operation.status}  {step}".rstrip()
            self._move(operation.id, f"  {operation.id}", operation.status, operation.progress, words)

    def _move(self, key: str, title: str, status: str, percent: float, note: str) -> None:
        colour = _COLOURS.get(status, "dim")
        # Names and steps come from outside: brackets in them are no markup.
        title, note = title.replace("[", "\\["), note.replace("[", "\\[")
        if key not in self._ids:
            self._ids[key] = self._bars.add_task(title, total=100, start=False, note="")
        bar = self._ids[key]
        if status != "Pending":
            self._bars.start_task(bar)
        self._bars.update(
            bar, completed=percent, description=f"[{colour}]{title}[/]", note=f"[{colour}]{note}[/]"
        )
        if status not in {"Pending", "Running"}:
            self._bars.stop_task(bar)

    def _render(self) -> RenderableType:
        # Cut to the width, so that a long line does not push the bars around.
        lines = [
            Text(f"{line.operation:>14} | {line.text}", no_wrap=True, overflow="ellipsis")
            for line in self._log
        ]
        blank = [Text("")] * (_LOG_LINES - len(lines))
        return Group(self._bars, Panel(Group(*lines, *blank), title="what runs", border_style="dim"))
