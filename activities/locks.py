"""Reaches the workflows that keep locks, and finds out which holders still work."""

from datetime import UTC, datetime, timedelta

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from activities.heartbeat import heartbeat
from activities.revival import ENDINGS, Revival
from workflows.contracts.locks import LockActivities, LockWanted
from workflows.domain.locks import Lock
from workflows.locks import LocksInput, LocksWorkflow, locks_id
from workflows.search import of_locks

UNSTARTED = timedelta(seconds=60)
"""How long a lock waits for a holder to be started: a start is repeated for 12 seconds at most."""

_SEEN_WITHIN = timedelta(seconds=5)
"""How long after a batch's end what it started last may not be listed yet."""


class Locks(LockActivities):
    """Implements the contract over Temporal itself."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._revival = Revival(client)

    async def ask_for_lock(self, wanted: LockWanted) -> None:
        async with heartbeat():
            await self._client.start_workflow(
                LocksWorkflow.run,
                LocksInput(infra=wanted.infra),
                id=locks_id(wanted.infra),
                task_queue=activity.info().task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                search_attributes=of_locks(wanted.infra),
                static_summary=f"locks on servers of infra {wanted.infra}",
                start_signal="ask",
                start_signal_args=[wanted.request],
            )

    async def ended_holders(self, locks: list[Lock]) -> list[str]:
        async with heartbeat():
            return [lock.holder for lock in locks if not await self._works(lock)]

    async def _works(self, lock: Lock) -> bool:
        try:
            found = await self._client.get_workflow_handle(lock.holder).describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return datetime.now(UTC) - lock.since < UNSTARTED
        now = datetime.now(UTC)
        if found.status in ENDINGS and await self._revival.revive(lock.holder, "its workflow"):
            return True
        if found.status is WorkflowExecutionStatus.RUNNING or now - (found.close_time or now) < _SEEN_WITHIN:
            return True
        # A batch that was terminated leaves its operations running.
        query = f"BatchId = '{lock.holder}' AND ExecutionStatus = 'Running'"
        left = await self._client.count_workflows(query)
        return left.count > 0
