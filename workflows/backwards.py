"""Goes through a part of a rollback's plan: beside each other where nothing depends on the order."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from workflows.domain.dag import dependents
from workflows.domain.rollbacks import EffectToUndo, RollbackPart
from workflows.policies import MAX_PARALLEL_ACTIONS


async def backwards(part: RollbackPart, undo: Callable[[EffectToUndo], Awaitable[None]]) -> None:
    """Calls `undo`, which does not fail, for each step.

    Steps on one server follow each other, and so do those on the members of one cluster; the steps of a task
    come after those of all tasks that need it.
    """
    slots = asyncio.Semaphore(MAX_PARALLEL_ACTIONS)
    left = Counter(step.task_id for step in part.steps)
    ended = {task: asyncio.Event() for task in left}
    needed_by = dependents(part.needs)
    on_place: dict[str, asyncio.Event] = {}

    async def take(step: EffectToUndo, awaited: list[asyncio.Event], done: asyncio.Event) -> None:
        for event in awaited:
            await event.wait()
        async with slots:
            await undo(step)
        done.set()
        left[step.task_id] -= 1
        if left[step.task_id] == 0:
            ended[step.task_id].set()

    work = []
    for step in part.steps:
        awaited = [ended[task] for task in needed_by.get(step.task_id or "", ()) if task in ended]
        key, done = step.effect.server.key, asyncio.Event()
        # No server's key is a cluster's too: these have a mark in front.
        place = f"cluster {part.members[key]}" if key in part.members else key
        if place in on_place:
            awaited.append(on_place[place])
        on_place[place] = done
        work.append(asyncio.create_task(take(step, awaited, done)))
    await asyncio.gather(*work)
