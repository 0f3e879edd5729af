"""The yardstick: a batch's shape, with the Temporal SDK and nothing else."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.workflow import ParentClosePolicy

from workflows.contracts.base import ActivityContract


@dataclass
class BareRequest:
    batch: str
    count: int
    parallel_limit: int


@activity.defn
async def bare_activity(name: str) -> str:
    return name


class BareActivities(ActivityContract):
    """Only the shape in which a worker takes its activities."""

    def activities(self) -> Sequence[Callable[..., Any]]:
        return [bare_activity]


@workflow.defn
class BareChild:
    @workflow.run
    async def run(self, name: str) -> str:
        return await workflow.execute_activity(
            bare_activity, name, start_to_close_timeout=timedelta(seconds=60)
        )


@workflow.defn
class BareParent:
    @workflow.run
    async def run(self, request: BareRequest) -> int:
        slots = asyncio.Semaphore(request.parallel_limit)

        async def child(number: int) -> str:
            async with slots:
                return await workflow.execute_child_workflow(
                    BareChild.run,
                    f"{number}",
                    id=f"{request.batch}-{number}",
                    parent_close_policy=ParentClosePolicy.ABANDON,
                )

        return len(await asyncio.gather(*(child(number) for number in range(request.count))))


BARE_WORKFLOWS = (BareParent, BareChild)
