"""The ledger: found by task, batch and server, newest first, with what undid each effect."""

import pymongo
import pytest

from activities.mongo.connection import Connection
from activities.mongo.ledger import MongoLedger
from tests.support.samples import created, deleted, installed, server, taskserv
from workflows.domain.effects import Effect

Shell = pymongo.database.Database[dict[str, object]]


async def ids(ledger: MongoLedger, **filters: str) -> list[str]:
    page = await ledger.page(**filters, limit=100, offset=0)
    assert page.total == len(page.items)
    return [entry.effect.id for entry in page.items]


async def test_an_effect_comes_back_as_it_was(connection: Connection) -> None:
    ledger = MongoLedger(connection)
    odd = taskserv("redis", server())
    odd = odd.model_copy(update={"params": {"a.b": 1, "$set": {"x": 2**70}, "nul": "\0", "ä": [None, 1.5]}})
    effect = installed(odd)
    await ledger.append([effect])
    assert [entry.effect for entry in await ledger.by_task("task")] == [effect]


async def test_it_is_filtered_by_task_batch_and_server(connection: Connection) -> None:
    ledger = MongoLedger(connection)
    here, there = server("web"), server("web", infra="other")
    a = created(here, task_id="t1", batch_id="b1")
    b = created(there, task_id="t2", batch_id="b1")
    c = installed(taskserv("redis", here), task_id="t3")
    await ledger.append([a, b, c])
    assert await ids(ledger) == [c.id, b.id, a.id]
    assert await ids(ledger, batch_id="b1") == [b.id, a.id]
    assert await ids(ledger, task_id="t1") == [a.id]
    assert await ids(ledger, server="web") == [c.id, b.id, a.id]
    assert await ids(ledger, server="default/web") == [c.id, a.id]
    assert await ids(ledger, server="other/web", batch_id="b1") == [b.id]
    assert await ids(ledger, server="nowhere") == []


@pytest.mark.parametrize("filters", [{}, {"task_id": "task"}])
async def test_pages_are_newest_first_and_say_how_many_there_are(
    connection: Connection, filters: dict[str, str]
) -> None:
    ledger = MongoLedger(connection)
    effects = [created(server(f"s{number}")) for number in range(10)]
    await ledger.append(effects)
    found: list[Effect] = []
    for offset in range(0, 14, 4):
        page = await ledger.page(**filters, limit=4, offset=offset)
        assert page.total == 10
        found += [entry.effect for entry in page.items]
    assert found == effects[::-1]


async def test_it_says_what_undid_an_effect(connection: Connection) -> None:
    ledger = MongoLedger(connection)
    made = created(server("a"))
    other = created(server("b"))
    undoing = deleted(server("a"), task_id="another task", undoes=made.id)
    await ledger.append([made, other, undoing])
    by_task = await ledger.by_task("task")
    assert [entry.undone_by for entry in by_task] == [undoing.id, None]
    page = await ledger.page(limit=10, offset=0)
    assert [entry.undone_by for entry in page.items] == [None, None, undoing.id]


async def test_a_malformed_entry_is_left_out_and_named(
    connection: Connection, raw_database: Shell, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = MongoLedger(connection)
    good, bad, lost = created(server("a")), created(server("b")), created(server("c"))
    await ledger.append([good, bad, lost])
    raw_database["ledger"].update_one({"_id": bad.id}, {"$set": {"json": '{"id": "hunter2"}'}})
    raw_database["ledger"].update_one({"_id": lost.id}, {"$unset": {"json": 1}})
    assert [entry.effect.id for entry in await ledger.by_task("task")] == [good.id]
    page = await ledger.page(limit=10, offset=0)
    assert [entry.effect.id for entry in page.items] == [good.id]
    for name in (bad.id, lost.id):
        assert f"collection ledger, _id '{name}'" in caplog.text
    assert "hunter2" not in caplog.text
