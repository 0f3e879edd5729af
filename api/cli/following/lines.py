"""Work where no terminal is: a line for each thing that happens."""

from collections import Counter
from datetime import datetime
from types import TracebackType
from typing import Self, TextIO

from api.cli.following.show import ServiceClock
from api.cli.following.work import Line, Operation, Work
from api.cli.terminal_text import cleaned, in_one_line
from api.cli.times import duration
from workflows.domain.states import TaskStatus


class LineDisplay:
    """Implements `Display`. Each line is written out at once, for whoever reads along."""

    def __init__(self, output: TextIO, clock: ServiceClock) -> None:
        self._output = output
        self._clock = clock
        self._told = ""
        self._steps: dict[str, str] = {}
        self._trouble = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def show(self, work: Work) -> None:
        words = self._words(work)
        if words != self._told:
            self._told = words
            left = work.seconds_left(self._clock.now())
            self._write(self._clock.now(), f"{words}{'' if left is None else f', {duration(left)} left'}")

    def _words(self, work: Work) -> str:
        if work.has_ended:
            return (
                f"{work.title}: {work.status} in {duration(work.seconds(self._clock.now()))}{_counts(work)}"
            )
        return f"{work.title}: {work.status} {work.percent:.0f}% {work.note}".rstrip()

    def operation(self, operation: Operation) -> None:
        words = _operation_words(operation)
        if operation.status != TaskStatus.PENDING and self._steps.get(operation.id) != words:
            self._steps[operation.id] = words
            self._write(self._clock.now(), f"{operation.id}: {words}")

    def line(self, line: Line) -> None:
        operation = f"{line.operation} | " if line.operation else ""
        self._write(line.at, f"{operation}[{line.where}] {line.text}")

    def trouble(self, why: str) -> None:
        if why and not self._trouble:
            self._write(self._clock.now(), f"{why}; trying again")
        elif self._trouble and not why:
            self._write(self._clock.now(), "connected again")
        self._trouble = why

    def _write(self, at: datetime, text: str) -> None:
        self._output.write(f"{at.astimezone():%H:%M:%S}  {cleaned(in_one_line(text))}\n")
        self._output.flush()


def _operation_words(operation: Operation) -> str:
    if operation.status == TaskStatus.RUNNING:
        return f"{operation.status} {operation.percent:.0f}% {operation.step}".rstrip()
    return operation.outcome


def _counts(work: Work) -> str:
    counts = Counter(operation.status for operation in work.operations.values())
    told = ", ".join(f"{count} {status.lower()}" for status, count in sorted(counts.items()))
    return f" ({told})" if told else ""
