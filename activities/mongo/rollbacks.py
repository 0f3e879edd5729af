"""The plans of rollbacks, in parts."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pymongo import ASCENDING, IndexModel

from activities.mongo.connection import Connection, Document
from activities.mongo.numbered_log import indexed
from workflows.domain.rollbacks import PlanPart

_PLANS_KEPT = 30 * 24 * 3600
"""Seconds after which a plan is forgotten whose rollback was never started, or terminated by hand."""


class MongoRollbacks:
    """Implements `RollbackStore`."""

    def __init__(self, connection: Connection) -> None:
        forgotten = IndexModel([("kept_at", ASCENDING)], expireAfterSeconds=_PLANS_KEPT)
        self._plans = connection.collection("rollback_plans", [indexed("plan_id"), forgotten])

    async def keep_plan(self, plan_id: str, parts: Sequence[PlanPart]) -> None:
        async with self._plans.opened() as collection:
            for number, part in enumerate(parts):
                fields = {
                    "plan_id": plan_id,
                    "kept_at": datetime.now(UTC),
                    "json": part.model_dump_json(),
                }
                wanted = {"_id": _part_id(plan_id, number)}
                await collection.update_one(wanted, {"$set": fields}, upsert=True)

    async def plan_part(self, plan_id: str, number: int) -> PlanPart | None:
        """None where there is no such plan, or no longer."""
        async with self._plans.opened() as collection:
            document = await collection.find_one({"_id": _part_id(plan_id, number)})
        found = self._plans.readable([document] if document else [], _part)
        return found[0] if found else None

    async def forget_plan(self, plan_id: str) -> None:
        """Nothing where there is none."""
        async with self._plans.opened() as collection:
            await collection.delete_many({"plan_id": plan_id})


def _part_id(plan_id: str, number: int) -> str:
    return f"{plan_id}/{number}"


def _part(document: Document) -> PlanPart:
    return PlanPart.model_validate_json(document["json"])
