"""Locks as HTTP sees them: who holds which servers, and those that a rollback takes before it is planned."""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from temporalio.client import (
    WorkflowHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import QueryRejectCondition, WorkflowIDConflictPolicy
from temporalio.service import RPCError

from api.orchestrator import Orchestrator
from api.temporal_calls import NO_WORKER, RPC_TIMEOUT, answered, translated, within
from workflows.domain.errors import Conflict, NotFound, Unavailable
from workflows.domain.locks import Lock, LockRequest, requests
from workflows.domain.touching import Touch
from workflows.locks import LocksInput, LocksWorkflow, locks_id
from workflows.search import of_locks

_ANSWER = timedelta(seconds=15)
"""How long a list may take to answer: it may look whether those who are in the way still work."""

_ROUNDS = 3
_MAX_NAMED = 5
_MAX_LISTS = 1000


class LockOfInfra(NamedTuple):
    infra: str
    lock: Lock


class Locks:
    """Speaks with the workflows that keep the locks."""

    def __init__(self, orchestrator: Orchestrator, task_queue: str) -> None:
        self._orchestrator = orchestrator
        self._task_queue = task_queue

    async def take_now(self, holder: str, what: str, touched: Sequence[Touch]) -> None:
        """All the locks at once, or none; they stay for a minute for `holder` to be started.

        Raises:
            Conflict: naming who works on the servers.
            Unavailable: Temporal is away, or no worker answers.
        """
        taken: list[str] = []
        try:
            for infra, request in requests(holder, what, touched, datetime.now(UTC)):
                taken.append(infra)
                if in_the_way := await self._ask(infra, request):
                    raise Conflict(_told(infra, in_the_way))
        except BaseException:
            await self._withdraw(holder, taken)
            raise

    async def withdraw(self, holder: str, touched: Sequence[Touch]) -> None:
        """Gives back what `take_now` took, unless the holder was started in spite of all."""
        await self._withdraw(holder, [touch.infra for touch in touched])

    async def all(self, infra: str | None) -> list[LockOfInfra]:
        """Who holds and who waits, infra by infra, each in the order of asking. Raises Unavailable."""
        infras = [infra] if infra is not None else await self._infras()
        lists = await asyncio.gather(*(self._of(name) for name in infras))
        return [LockOfInfra(name, lock) for name, locks in zip(infras, lists, strict=True) for lock in locks]

    async def _ask(self, infra: str, request: LockRequest) -> list[Lock]:
        for _ in range(_ROUNDS):
            handle = await self._list_of(infra)
            asking = handle.execute_update(LocksWorkflow.ask_now, request, rpc_timeout=_ANSWER)
            try:
                return await translated(asking, locks_id(infra), timed_out=NO_WORKER)
            except NotFound:
                continue  # nobody was in the list, and it ended before it was asked
            except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError) as error:
                raise Unavailable(NO_WORKER) from error
        raise Unavailable(NO_WORKER)

    async def _list_of(self, infra: str) -> WorkflowHandle[LocksWorkflow, None]:
        """The workflow that keeps an infra's locks, which is started where there is none."""
        client = await self._orchestrator.client()
        starting = client.start_workflow(
            LocksWorkflow.run,
            LocksInput(infra=infra),
            id=locks_id(infra),
            task_queue=self._task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=of_locks(infra),
            static_summary=f"locks on servers of infra {infra}",
            rpc_timeout=RPC_TIMEOUT,
        )
        return await translated(starting, locks_id(infra))

    async def _withdraw(self, holder: str, infras: Sequence[str]) -> None:
        """As far as it can be done now: what nobody starts is free again after a minute."""
        for infra in infras:
            try:
                client = await self._orchestrator.client()
                handle = client.get_workflow_handle_for(LocksWorkflow.run, locks_id(infra))
                await handle.signal(LocksWorkflow.withdraw, holder, rpc_timeout=RPC_TIMEOUT)
            except (RPCError, Unavailable):
                continue

    async def _infras(self) -> list[str]:
        client = await self._orchestrator.client()
        # Another service's, in the same namespace, would have no worker of ours to ask.
        query = (
            "WorkflowType = 'LocksWorkflow' AND ExecutionStatus = 'Running'"
            f" AND TaskQueue = '{self._task_queue}'"
        )

        async def listed() -> list[str]:
            found = client.list_workflows(query, limit=_MAX_LISTS, rpc_timeout=RPC_TIMEOUT)
            return [execution.id async for execution in found]

        prefix = locks_id("")
        return sorted(name.removeprefix(prefix) for name in await within(RPC_TIMEOUT, listed()))

    async def _of(self, infra: str) -> list[Lock]:
        client = await self._orchestrator.client()
        handle = client.get_workflow_handle_for(LocksWorkflow.run, locks_id(infra))

        def ask(timeout: timedelta) -> Awaitable[list[Lock]]:
            return handle.query(
                LocksWorkflow.locks, reject_condition=QueryRejectCondition.NOT_OPEN, rpc_timeout=timeout
            )

        try:
            return await answered(ask, locks_id(infra))
        except NotFound:
            return []


def _told(infra: str, in_the_way: Sequence[Lock]) -> str:
    named = "; ".join(
        f"{lock.what} ({lock.holder}) {'holds' if lock.held else 'waits for'} them since "
        f"{lock.since:%Y-%m-%d %H:%M:%S} UTC"
        for lock in in_the_way[:_MAX_NAMED]
    )
    more = f" and {len(in_the_way) - _MAX_NAMED} more" if len(in_the_way) > _MAX_NAMED else ""
    return (
        f"work is in progress on the same servers of infra {infra}; wait for it or cancel it: {named}{more}"
    )
