"""The plans of rollbacks."""

import pymongo

from activities.mongo.connection import Connection
from activities.mongo.rollbacks import MongoRollbacks
from workflows.domain.rollbacks import PlannedUndo, PlanPart

Shell = pymongo.database.Database[dict[str, object]]


async def test_a_plan_is_kept_in_parts_until_it_is_given_up(connection: Connection) -> None:
    store = MongoRollbacks(connection)
    parts = [
        PlanPart(steps=(PlannedUndo(position=9 - n, task_id="t"),), needs={"t": ("s",)}) for n in range(3)
    ]
    for _ in range(2):
        await store.keep_plan("a", parts)
    await store.keep_plan("b", parts[:1])
    assert [await store.plan_part("a", number) for number in range(4)] == [*parts, None]
    await store.forget_plan("a")
    assert await store.plan_part("a", 0) is None
    assert await store.plan_part("b", 0) == parts[0]


async def test_plans_that_nobody_gives_up_are_forgotten_at_last(
    connection: Connection, raw_database: Shell
) -> None:
    await MongoRollbacks(connection).keep_plan("a", [PlanPart(steps=())])
    expiring = [
        index for index in raw_database["rollback_plans"].list_indexes() if "expireAfterSeconds" in index
    ]
    assert [list(index["key"]) for index in expiring] == [["kept_at"]]
