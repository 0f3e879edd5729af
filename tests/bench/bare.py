"""The yardstick: a batch's shape, with the Temporal SDK and nothing else."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.workflow import ParentClosePolicy


@dataclass
class BareRequest:
    batch: str
    count: int
    parallel_limit: int


@activity.defn
async def bare_activity(name: str) -> str:
    return name


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
