"""Reads a rollback's plan for its workflow."""

from collections.abc import Collection

from activities.failures import as_activity_failure
from activities.heartbeat import heartbeat
from activities.ledger_ports import Inventory, Ledger
from activities.rollback_ports import RollbackStore
from workflows.contracts.rollbacks import RollbackActivities
from workflows.domain.effects import Effect
from workflows.domain.errors import Conflict, NotFound
from workflows.domain.rollbacks import EffectToUndo, PartWanted, RollbackPart

_MAX_NAMED = 5


class Rollbacks(RollbackActivities):
    """Implements the contract over the stores."""

    def __init__(self, store: RollbackStore, ledger: Ledger, inventory: Inventory) -> None:
        self._store = store
        self._ledger = ledger
        self._inventory = inventory

    async def rollback_part(self, wanted: PartWanted) -> RollbackPart:
        with as_activity_failure():
            async with heartbeat():
                return await self._part(wanted)

    async def effects_at(self, positions: list[int]) -> list[Effect]:
        with as_activity_failure():
            async with heartbeat():
                return [entry.effect for entry in await self._ledger.at(positions)]

    async def forget_rollback_plan(self, plan_id: str) -> None:
        with as_activity_failure():
            async with heartbeat():
                await self._store.forget_plan(plan_id)

    async def _part(self, wanted: PartWanted) -> RollbackPart:
        part = await self._store.plan_part(wanted.plan_id, wanted.number)
        if part is None:
            raise NotFound(f"the plan {wanted.plan_id} of this rollback has no part {wanted.number} any more")
        tasks = {step.position: step.task_id for step in part.steps}
        entries = [e for e in await self._ledger.at(list(tasks)) if e.undone_by is None]
        await self._refuse_if_void(wanted, {entry.effect.server.key for entry in entries})
        await self._inventory.catch_up()
        return RollbackPart(
            steps=tuple(
                EffectToUndo(position=e.position, effect=e.effect, task_id=tasks[e.position]) for e in entries
            ),
            needs=part.needs,
            members=part.members,
            servers=await self._inventory.named({entry.effect.server.key for entry in entries}),
        )

    async def _refuse_if_void(self, wanted: PartWanted, servers: Collection[str]) -> None:
        later = (e for e in await self._ledger.of_servers(servers) if e.position > wanted.planned_at)
        causes = (entry.effect.cause for entry in later)
        others = {c.batch_id or c.task_id for c in causes if c.task_id != wanted.rollback_id}
        if others:
            named = ", ".join(sorted(others)[:_MAX_NAMED])
            raise Conflict(f"others worked on the same servers since it was planned; send it again: {named}")
