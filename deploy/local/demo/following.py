"""Follows a batch over HTTP until it has ended."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from deploy.local.demo.answers import TERMINAL, Batch, Progress, Task
from deploy.local.demo.client import ApiClient

_EVERY = 0.4
"""Seconds between two looks."""


@dataclass(frozen=True)
class LogLine:
    operation: str
    text: str


@dataclass
class Moment:
    """How the batch stands at one look, and what was printed since the one before."""

    batch: Batch
    progress: Progress
    steps: dict[str, str] = field(default_factory=dict)
    """What each running operation is doing."""
    errors: dict[str, str] = field(default_factory=dict)
    lines: list[LogLine] = field(default_factory=list)


async def follow(api: ApiClient, batch_id: str) -> AsyncIterator[Moment]:
    """The moments of a batch; the last one has its end in it.

    Raises:
        DemoFailed: the API is away for too long.
    """
    printed: dict[str, list[str]] = {}
    settled: set[str] = set()
    while True:
        batch, progress = await asyncio.gather(api.batch(batch_id), api.progress(batch_id))
        moment = Moment(batch, progress)
        # A task that was seen to have ended was read once more after that, so nothing of its log is missed.
        watched = [o for o in batch.operations if o.status != "Pending" and o.task_id not in settled]
        for operation, (task, step) in zip(
            watched, await asyncio.gather(*(_look(api, o.task_id) for o in watched)), strict=True
        ):
            lines = (task.output or "").splitlines()
            fresh = new_lines(printed.get(task.id, []), lines)
            printed[task.id] = lines
            moment.lines += [LogLine(operation.id, text) for text in fresh]
            moment.steps[operation.id] = step
            if task.error:
                moment.errors[operation.id] = task.error
            if task.status in TERMINAL:
                settled.add(task.id)
        yield moment
        if batch.has_ended:
            return
        await asyncio.sleep(_EVERY)


async def _look(api: ApiClient, task_id: str) -> tuple[Task, str]:
    task = await api.task(task_id)
    if task.status in TERMINAL:
        return task, ""
    return task, (await api.progress(task_id)).current_step


def new_lines(before: Sequence[str], now: Sequence[str]) -> Sequence[str]:
    """The lines of `now` that were not seen in `before`, where both are the tails of one growing log."""
    for overlap in range(min(len(before), len(now)), 0, -1):
        if list(before[-overlap:]) == list(now[:overlap]):
            return now[overlap:]
    return now
