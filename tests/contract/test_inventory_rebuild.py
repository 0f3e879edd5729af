"""The ledger replayed from nothing gives the inventory, byte for byte; where it does not, it is mended."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

import pymongo
import pytest
from bson import ObjectId

from activities.ledger_ports import Difference, DifferenceKind, Rebuild
from activities.mongo import inventory_rebuild
from activities.mongo.connection import Connection
from activities.mongo.inventory import MongoInventory
from activities.mongo.inventory_rebuild import MongoInventoryRebuild
from activities.mongo.ledger import MongoLedger
from tests.support.samples import created, deleted, installed, removed, restarted, server, taskserv
from workflows.domain.effects import Effect

Shell = pymongo.database.Database[dict[str, Any]]
Documents = dict[str, dict[str, Any]]


class Stores:
    def __init__(self, connection: Connection) -> None:
        self.ledger = MongoLedger(connection)
        self.inventory = MongoInventory(connection, self.ledger)
        self.rebuild = MongoInventoryRebuild(self.ledger, self.inventory)

    async def write(self, *effects: Effect) -> None:
        await self.ledger.append(effects)
        await self.inventory.catch_up()


@pytest.fixture
def stores(connection: Connection) -> Stores:
    return Stores(connection)


def folded(effects: Sequence[Effect]) -> Documents:
    """What must be kept after these effects, told once more and in another way."""
    found: Documents = {}
    for position, effect in enumerate(effects, 1):
        there = effect.after if effect.after is not None else None
        spec = effect.server.spec
        key = f"{effect.resource.type}:{effect.resource.key}"
        found[key] = {
            "_id": key,
            "position": position,
            "exists": there is not None,
            "infra": spec.infra,
            "server": f"{spec.infra}/{spec.name}",
            "task_id": effect.cause.task_id,
            "json": there.model_dump_json() if there is not None else None,
        }
    return found


def kept(shell: Shell) -> Documents:
    return {str(document["_id"]): document for document in shell["inventory"].find()}


def some_effects() -> list[Effect]:
    web, db = server("web"), server("db")
    nginx, redis = taskserv("nginx", web), taskserv("redis", db)
    return [
        *(created(web, task_id="t1"), installed(nginx, task_id="t2"), created(db, task_id="t3")),
        *(installed(redis, task_id="t4"), removed(redis, task_id="t5"), deleted(db, task_id="t5")),
        created(server("old", infra="other")),
    ]


async def test_what_is_right_is_left_alone(stores: Stores, raw_database: Shell) -> None:
    assert await stores.rebuild.run(mend=True) == Rebuild(position=0, resources=0)
    effects = some_effects()
    await stores.write(*effects)
    assert kept(raw_database) == folded(effects)
    for mend in (False, True):
        assert await stores.rebuild.run(mend=mend) == Rebuild(position=7, resources=5)


async def test_a_restart_makes_no_difference(stores: Stores, raw_database: Shell) -> None:
    web = server("web")
    old, new = taskserv("redis", web, size="1"), taskserv("redis", web, size="2")
    effects = [created(web), installed(old), installed(new)]
    # The second one was made before the change, and is written after it.
    await stores.write(*effects, restarted(new), restarted(old))
    assert kept(raw_database) == folded(effects)
    assert await stores.rebuild.run(mend=True) == Rebuild(position=5, resources=2)
    assert kept(raw_database) == folded(effects)


async def test_what_waits_to_be_folded_is_no_difference(stores: Stores, raw_database: Shell) -> None:
    effects = some_effects()
    await stores.write(*effects[:3])
    await stores.ledger.append(effects[3:])
    assert await stores.rebuild.run(mend=False) == Rebuild(position=7, resources=5)
    assert kept(raw_database) == folded(effects)


async def test_an_inventory_that_is_lost_comes_back(
    stores: Stores, raw_database: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory_rebuild, "_AT_ONCE", 40)
    effects = [created(server(f"s{number}")) for number in range(130)]
    await stores.write(*effects)
    raw_database["inventory"].delete_many({})
    found = await stores.rebuild.run(mend=True)
    assert len(found.differences) == 130
    assert {(one.kind, one.mended) for one in found.differences} == {(DifferenceKind.MISSING, True)}
    assert kept(raw_database) == folded(effects)


def damage(shell: Shell) -> list[Difference]:
    """Spoils about everything; what must be found."""
    inventory = shell["inventory"]
    inventory.delete_one({"_id": "server:default/web"})
    inventory.update_one({"_id": "server:default/db"}, {"$set": {"exists": True, "json": 7}})
    inventory.update_one({"_id": "taskserv:default/web/nginx"}, {"$set": {"position": 99, "new": 1}})
    inventory.update_one({"_id": "taskserv:default/db/redis"}, {"$set": {"position": {"spoilt": True}}})
    inventory.update_one({"_id": "server:other/old"}, {"$unset": {"task_id": 1, "position": 1}})
    ghost = server("ghost")
    inventory.insert_one({"_id": "server:default/ghost", "exists": True, "json": ghost.model_dump_json()})
    inventory.insert_one({"_id": "tombstone", "exists": False, "position": 1000})
    number = ObjectId()
    inventory.insert_one({"_id": number, "exists": True, "json": ghost.model_dump_json()})
    different, missing, surplus = DifferenceKind.DIFFERENT, DifferenceKind.MISSING, DifferenceKind.SURPLUS
    return [
        Difference(key=str(number), kind=surplus),
        Difference(key="server:default/db", kind=different, fields=("exists", "json")),
        Difference(key="server:default/ghost", kind=surplus),
        Difference(key="server:default/web", kind=missing),
        Difference(key="server:other/old", kind=different, fields=("position", "task_id")),
        Difference(key="taskserv:default/db/redis", kind=different, fields=("position",)),
        Difference(key="taskserv:default/web/nginx", kind=different, fields=("new", "position")),
        Difference(key="tombstone", kind=surplus),
    ]


async def test_differences_are_told_key_by_key_and_mended(stores: Stores, raw_database: Shell) -> None:
    effects = some_effects()
    await stores.write(*effects)
    expected = damage(raw_database)
    damaged = kept(raw_database)
    found = await stores.rebuild.run(mend=False)
    assert list(found.differences) == sorted(expected, key=lambda difference: difference.key)
    assert kept(raw_database) == damaged
    mended = await stores.rebuild.run(mend=True)
    assert [d.model_copy(update={"mended": False}) for d in mended.differences] == list(found.differences)
    assert all(difference.mended for difference in mended.differences)
    assert kept(raw_database) == folded(effects)
    assert not (await stores.rebuild.run(mend=True)).differences


async def test_what_was_made_by_an_entry_that_cannot_be_read_stays(
    stores: Stores, raw_database: Shell
) -> None:
    web, db = server("web"), server("db")
    effects = [created(web), created(db), installed(taskserv("nginx", web)), deleted(db)]
    await stores.write(*effects)
    before = kept(raw_database)
    for spoilt in (effects[1], effects[2]):
        raw_database["ledger"].update_one({"_id": spoilt.id}, {"$set": {"json": "spoilt"}})
    found = await stores.rebuild.run(mend=True)
    assert found.unreadable == (2, 3)
    # Of the other one the ledger knows more.
    assert found.differences == (
        Difference(key="taskserv:default/web/nginx", kind=DifferenceKind.UNREADABLE),
    )
    assert kept(raw_database) == before


async def test_a_marker_behind_the_ledgers_end_is_set_back(stores: Stores, raw_database: Shell) -> None:
    # As after the ledger was restored from an older copy, and the inventory was not.
    effects = some_effects()
    await stores.write(*effects[:3])
    raw_database["markers"].update_one({"_id": "inventory"}, {"$set": {"position": 5}})
    await stores.write(*effects[3:4])
    found = await stores.rebuild.run(mend=True)
    marker = Difference(key="inventory", kind=DifferenceKind.DIFFERENT, fields=("position",), mended=True)
    lost = Difference(key="taskserv:default/db/redis", kind=DifferenceKind.MISSING, mended=True)
    assert found.differences == (marker, lost)
    await stores.write(*effects[4:])
    assert kept(raw_database) == folded(effects)


async def test_others_may_fold_meanwhile(connect: Callable[[], Connection], raw_database: Shell) -> None:
    """Each writer's server comes and goes, somebody spoils things, and several rebuild at once."""
    working = True
    # The embedded MongoDB locks up for good where one client's write makes a collection while another one
    # makes its indexes. The stores make theirs before they write; the shell of this test does not.
    async with Stores(connect()).inventory.entries.opened():
        pass

    async def write(number: int) -> None:
        stores = Stores(connect())
        for turn in range(15):
            mine = server(f"s{number}", owner=f"turn {turn}")
            await stores.write(created(mine), *([deleted(mine)] if turn % 2 else []))

    async def rebuild() -> None:
        stores = Stores(connect())
        while working:
            await stores.rebuild.run(mend=True)

    async def spoil(chance: random.Random) -> None:
        inventory = raw_database["inventory"]
        while working:
            one = {"_id": f"server:default/s{chance.randrange(4)}"}
            match chance.randrange(3):
                case 0:
                    await asyncio.to_thread(inventory.delete_one, one)
                case 1:
                    await asyncio.to_thread(inventory.update_one, one, {"$set": {"position": 10_000}})
                case _:
                    await asyncio.to_thread(inventory.update_one, one, {"$set": {"json": "spoilt"}})
            await asyncio.sleep(0.02)

    others = [asyncio.create_task(work) for work in (rebuild(), rebuild(), spoil(random.Random(7)))]
    await asyncio.gather(*(write(number) for number in range(4)))
    working = False
    await asyncio.gather(*others)
    stores = Stores(connect())
    found = await stores.rebuild.run(mend=True)
    assert all(one.mended for one in found.differences)
    assert kept(raw_database) == await as_the_ledger_says(stores)
    assert (await stores.rebuild.run(mend=False)).differences == ()


async def as_the_ledger_says(stores: Stores) -> Documents:
    last, effects = 0, list[Effect]()
    while True:
        position, entries = await stores.ledger.after(last)
        if position == last:
            return folded(effects)
        effects += [entry.effect for entry in entries]
        last = position


async def test_whoever_dies_over_it_makes_nothing_worse(
    connect: Callable[[], Connection], raw_database: Shell
) -> None:
    chance = random.Random(11)
    stores = Stores(connect())
    effects = some_effects()
    await stores.write(*effects)
    right = folded(effects)
    for _ in range(15):
        damage(raw_database)
        damaged = kept(raw_database)
        mending = asyncio.create_task(Stores(connect()).rebuild.run(mend=True))
        await asyncio.sleep(chance.uniform(0, 0.15))
        mending.cancel()
        await asyncio.gather(mending, return_exceptions=True)
        now = kept(raw_database)
        for key in damaged.keys() | right.keys():
            assert now.get(key) in (damaged.get(key), right.get(key)), key
        await stores.rebuild.run(mend=True)
        assert kept(raw_database) == right
