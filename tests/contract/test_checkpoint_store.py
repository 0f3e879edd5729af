"""Checkpoints: a name for a moment, and the inventory of exactly that moment."""

import asyncio
import itertools
import zlib
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pymongo
import pytest

from activities.mongo import checkpoints as module
from activities.mongo.checkpoints import MongoCheckpoints
from activities.mongo.connection import Connection
from activities.mongo.inventory import MongoInventory
from activities.mongo.ledger import MongoLedger
from tests.support.samples import NOON, created, deleted, installed, removed, server, taskserv
from workflows.domain.inventory import InventoryEntry, LedgerEntry, fold
from workflows.domain.rollbacks import Checkpoint, Picture

Shell = pymongo.database.Database[dict[str, object]]


def checkpoint(name: str = "before", later: float = 0.0, position: int = 0) -> Checkpoint:
    return Checkpoint(
        id=str(uuid4()),
        name=name,
        created_at=NOON + timedelta(seconds=later),
        position=position,
        requested_by="somebody",
    )


def picture(servers: int, position: int = 7) -> Picture:
    made = [server(f"web-{number:06d}") for number in range(servers)]
    return Picture(
        position=position,
        entries=tuple(
            InventoryEntry(key=f"server:{one.key}", position=position, resource=one, task_id="task")
            for one in made
        ),
    )


async def test_a_checkpoint_is_kept_with_its_picture(connect: Callable[[], Connection]) -> None:
    store, reader = MongoCheckpoints(connect()), MongoCheckpoints(connect())
    wanted = checkpoint(position=7).model_copy(update={"description": "all well"})
    kept = await store.add(wanted, picture(3))
    assert kept.size > 0
    assert kept == wanted.model_copy(update={"size": kept.size})
    assert await reader.get(wanted.id) == kept
    assert await reader.picture(wanted.id) == picture(3)
    assert await reader.get("unknown") is None
    assert await reader.picture("unknown") is None


async def test_a_checkpoint_that_is_made_again_stays_the_first(connection: Connection) -> None:
    store = MongoCheckpoints(connection)
    wanted = checkpoint(position=7)
    first = await store.add(wanted, picture(3))
    later = wanted.model_copy(update={"position": 9, "name": "another"})
    assert await store.add(later, picture(4, position=9)) == first
    assert await store.picture(wanted.id) == picture(3)
    assert (await store.page(limit=9, offset=0)).total == 1


async def test_a_picture_may_need_several_documents(
    connection: Connection, raw_database: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PIECE", 2_000)
    store = MongoCheckpoints(connection)
    kept = await store.add(checkpoint(), picture(1_000))
    sizes = [len(piece["data"]) for piece in raw_database["checkpoint_pieces"].find()]  # type: ignore[arg-type]
    assert len(sizes) > 3
    assert (max(sizes), sum(sizes)) == (2_000, kept.size)
    assert await store.picture(kept.id) == picture(1_000)


async def test_the_list_is_newest_first_and_knows_its_length(connection: Connection) -> None:
    store = MongoCheckpoints(connection)
    assert await store.page(limit=5, offset=0) == ([], 0)
    made = [await store.add(checkpoint(str(n), n), picture(1)) for n in range(5)]
    page = await store.page(limit=2, offset=1)
    assert (list(page.items), page.total) == ([made[3], made[2]], 5)
    assert list((await store.page(limit=9, offset=4)).items) == [made[0]]
    assert list((await store.page(limit=9, offset=5)).items) == []


async def test_a_malformed_checkpoint_is_left_out_and_named(
    connection: Connection, raw_database: Shell, caplog: pytest.LogCaptureFixture
) -> None:
    store = MongoCheckpoints(connection)
    good, bad = [await store.add(checkpoint(str(n), n), picture(1)) for n in range(2)]
    raw_database["checkpoints"].update_one({"_id": bad.id}, {"$set": {"created_at": "tomorrow"}})
    assert [item.id for item in (await store.page(limit=9, offset=0)).items] == [good.id]
    assert await store.get(bad.id) is None
    assert f"collection checkpoints, _id '{bad.id}'" in caplog.text


@pytest.mark.parametrize(
    ("collection", "change"),
    [
        ("checkpoints", {"pieces": "two"}),
        ("checkpoints", {"digest": ["x"]}),
        ("checkpoints", {"pieces": 2}),
        ("checkpoint_pieces", {"data": "text"}),
        ("checkpoint_pieces", {"data": b"mangled"}),
        ("checkpoint_pieces", {"data": zlib.compress(b"[]")}),
    ],
    ids=str,
)
async def test_a_malformed_picture_is_named_and_nothing_is_made_of_it(
    connection: Connection,
    raw_database: Shell,
    caplog: pytest.LogCaptureFixture,
    collection: str,
    change: dict[str, object],
) -> None:
    store = MongoCheckpoints(connection)
    good, bad = [await store.add(checkpoint(str(n), n), picture(1)) for n in range(2)]
    raw_database[collection].update_one({"_id": {"$regex": f"^{bad.id}"}}, {"$set": change})
    assert await store.picture(bad.id) is None
    assert await store.picture(good.id) == picture(1)
    assert f"_id '{bad.id}" in caplog.text


async def test_a_picture_shows_one_moment_while_the_world_goes_on(connect: Callable[[], Connection]) -> None:
    ledger = MongoLedger(connect())
    writer, reader = MongoInventory(connect(), ledger), MongoInventory(connect(), MongoLedger(connect()))
    pictures: list[Picture] = []
    busy = asyncio.Event()

    async def change() -> None:
        for number in itertools.count():
            if busy.is_set():
                return
            web = server(f"web-{number % 7}", owner=f"maker {number}")
            redis = taskserv("redis", web, size=str(number))
            await ledger.append([created(web), installed(redis)])
            await writer.catch_up()
            await ledger.append([removed(redis), *([deleted(web)] if number % 2 else [])])
            await writer.catch_up()

    changing = asyncio.create_task(change())
    try:
        async with asyncio.timeout(60):
            while len(pictures) < 30 or len({one.position for one in pictures}) <= 10:
                pictures.append(await reader.picture())
    finally:
        busy.set()
        await changing
    entries = [entry for entry in await everything(ledger)]
    for one in pictures:
        assert one.entries == folded(entries, one.position)


async def everything(ledger: MongoLedger) -> list[LedgerEntry]:
    found: list[LedgerEntry] = []
    position = 0
    while True:
        last, entries = await ledger.after(position)
        if last == position:
            return found
        found.extend(entries)
        position = last


def folded(entries: list[LedgerEntry], position: int) -> tuple[InventoryEntry, ...]:
    """The plain way: all entries up to a position, one after the other."""
    state = {entry.effect.key: fold(entry) for entry in entries if entry.position <= position}
    return tuple(state[key] for key in sorted(state) if state[key].resource is not None)


async def test_servers_are_found_by_their_names(connection: Connection) -> None:
    ledger = MongoLedger(connection)
    inventory = MongoInventory(connection, ledger)
    web, gone = server("web"), server("gone")
    await ledger.append([created(web), installed(taskserv("redis", web)), created(gone), deleted(gone)])
    await inventory.catch_up()
    assert await inventory.named(["default/web", "default/gone", "x/y"]) == {"default/web": web}
    many = [f"default/none-{number}" for number in range(250)]
    assert await inventory.named([*many, "default/web"]) == {"default/web": web}


async def test_what_undid_a_tasks_effects_is_found_at_any_depth(connection: Connection) -> None:
    ledger = MongoLedger(connection)
    web, other = server("web"), server("other")
    made = created(web, task_id="t")
    back = deleted(web, task_id="r", undoes=made.id)
    again = created(web, task_id="s").model_copy(
        update={"cause": back.cause.model_copy(update={"task_id": "s", "undoes": back.id})}
    )
    await ledger.append([made, created(other, task_id="x"), back, again])
    assert [entry.effect for entry in await ledger.of_tasks(["t"])] == [made, back, again]
    assert [entry.effect for entry in await ledger.of_tasks(["r"])] == [back, again]
    assert await ledger.of_tasks(["unknown"]) == []
    assert [e.position for e in await ledger.of_servers([web.key])] == [1, 3, 4]
    found = await ledger.at([4, 1, 9])
    assert [(e.effect, e.undone_by) for e in found] == [(again, None), (made, back.id)]
