"""The inventory is the ledger folded up, by however many folders, from wherever they begin."""

import asyncio
import itertools
import json
from collections.abc import Callable, Sequence
from uuid import uuid4

import pymongo
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.ledger_ports import InventoryItem
from activities.mongo.connection import Connection
from activities.mongo.inventory import MongoInventory
from activities.mongo.ledger import MongoLedger
from activities.mongo.pictures import picture_at
from tests.support.mongodb import EmbeddedMongo
from tests.support.samples import created, deleted, installed, removed, restarted, server, taskserv
from workflows.domain.effects import Effect
from workflows.domain.errors import Unavailable
from workflows.domain.inventory import LedgerEntry
from workflows.domain.resources import Server, Taskserv

Shell = pymongo.database.Database[dict[str, object]]


def stores(connection: Connection) -> tuple[MongoLedger, MongoInventory]:
    ledger = MongoLedger(connection)
    return ledger, MongoInventory(connection, ledger)


async def test_a_server_is_found_with_its_task_services(connection: Connection) -> None:
    ledger, inventory = stores(connection)
    web, db = server("web"), server("db", provider="aws")
    redis, nginx = taskserv("redis", web), taskserv("nginx", web)
    await ledger.append([created(web, task_id="maker"), installed(redis), installed(nginx), created(db)])
    await inventory.catch_up()
    assert await inventory.server("default", "web") == InventoryItem(
        server=web, task_id="maker", taskservs=(nginx, redis)
    )
    assert await inventory.server("default", "other") is None
    assert await inventory.server("other", "web") is None
    assert [item.server.spec.name for item in await inventory.servers()] == ["db", "web"]
    assert [item.server.spec.name for item in await inventory.servers(provider="aws")] == ["db"]
    assert await inventory.servers(infra="other") == []


async def test_what_is_gone_is_gone_and_may_come_back(connection: Connection) -> None:
    ledger, inventory = stores(connection)
    first, second = server("web", owner="first"), server("web", owner="second")
    redis = taskserv("redis", first)
    await ledger.append([created(first), installed(redis), removed(redis), deleted(first)])
    await inventory.catch_up()
    assert await inventory.server("default", "web") is None
    assert await inventory.servers() == []
    await ledger.append([created(second)])
    await inventory.catch_up()
    item = await inventory.server("default", "web")
    assert item is not None and item.server.owner == "second" and item.taskservs == ()


async def test_a_restart_that_is_written_late_brings_nothing_back(connection: Connection) -> None:
    ledger, inventory = stores(connection)
    web = server("web")
    old, new = taskserv("redis", web, size="1"), taskserv("redis", web, size="2")
    await ledger.append([created(web), installed(old), installed(new), restarted(old)])
    await inventory.catch_up()
    item = await inventory.server("default", "web")
    assert item is not None and item.taskservs == (new,)
    picture = await inventory.picture()
    await ledger.append([restarted(old)])
    await inventory.catch_up()
    assert [entry.resource for entry in picture.entries] == [web, new]
    assert await picture_at(4, inventory.entries, ledger) == picture


async def test_folding_again_from_the_beginning_changes_nothing(
    connection: Connection, raw_database: Shell
) -> None:
    ledger, inventory = stores(connection)
    await ledger.append([created(server("a")), created(server("b")), deleted(server("a"))])
    await inventory.catch_up()
    before = list(raw_database["inventory"].find())
    # As after a crash between the fold and its marker.
    raw_database["markers"].delete_many({})
    await inventory.catch_up()
    assert list(raw_database["inventory"].find()) == before
    assert raw_database["markers"].find_one({"_id": "inventory"}) == {"_id": "inventory", "position": 3}


async def test_it_can_be_rebuilt_from_the_ledger(connection: Connection, raw_database: Shell) -> None:
    ledger, inventory = stores(connection)
    await ledger.append([created(server(f"s{number}")) for number in range(700)])
    await inventory.catch_up()
    before = await inventory.servers()
    raw_database["inventory"].delete_many({})
    raw_database["markers"].delete_many({})
    await inventory.catch_up()
    assert await inventory.servers() == before
    assert len(before) == 700


async def test_malformed_entries_do_not_take_the_inventory_down(
    connection: Connection, raw_database: Shell, caplog: pytest.LogCaptureFixture
) -> None:
    ledger, inventory = stores(connection)
    bad, empty = created(server("bad")), created(server("empty"))
    await ledger.append([created(server("a")), bad, empty, created(server("b"))])
    raw_database["ledger"].update_one({"_id": bad.id}, {"$set": {"json": "nonsense"}})
    without = json.loads(empty.model_dump_json()) | {"after": None}
    raw_database["ledger"].update_one({"_id": empty.id}, {"$set": {"json": json.dumps(without)}})
    await inventory.catch_up()
    raw_database["inventory"].update_one({"_id": "server:default/b"}, {"$set": {"json": 7}})
    assert [item.server.spec.name for item in await inventory.servers()] == ["a"]
    assert f"collection ledger, _id '{bad.id}'" in caplog.text
    assert f"collection ledger, _id '{empty.id}'" in caplog.text
    assert "collection inventory, _id 'server:default/b'" in caplog.text


SERVERS = [server(name) for name in ("a", "b", "c")]
THINGS: list[Server | Taskserv] = [*SERVERS, *(taskserv(n, s) for s in SERVERS for n in ("redis", "nginx"))]


def _effect(thing: Server | Taskserv, comes: bool) -> Effect:
    if isinstance(thing, Server):
        return created(thing) if comes else deleted(thing)
    return installed(thing) if comes else removed(thing)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(
    steps=st.lists(st.tuples(st.sampled_from(THINGS), st.booleans()), min_size=1, max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=4),
)
def test_the_last_effect_on_each_thing_wins_whoever_folds(
    mongodb: EmbeddedMongo, steps: list[tuple[Server | Taskserv, bool]], cuts: list[int]
) -> None:
    async def folded() -> list[InventoryItem]:
        name = f"test-{uuid4().hex}"
        folders = [Connection(mongodb.uri, name) for _ in range(3)]
        ledger = MongoLedger(folders[0])
        inventories = [MongoInventory(own, MongoLedger(own)) for own in folders]
        effects = [_effect(thing, comes) for thing, comes in steps]
        bounds = sorted({0, len(effects), *(min(cut, len(effects)) for cut in cuts)})
        for first, end in itertools.pairwise(bounds):
            await ledger.append(effects[first:end])
            await asyncio.gather(*(inventory.catch_up() for inventory in inventories))
        found = list(await inventories[-1].servers())
        for own in folders:
            own.close()
        return found

    last = {(thing.type, thing.key): thing for thing, _ in steps}
    final = {(thing.type, thing.key): comes for thing, comes in steps}
    there = [thing for key, thing in last.items() if final[key]]
    expected = {
        s.key: sorted(t.name for t in there if isinstance(t, Taskserv) and t.server.key == s.key)
        for s in there
        if isinstance(s, Server)
    }
    found = asyncio.run(folded())
    assert {i.server.key: [t.name for t in i.taskservs] for i in found} == expected


async def test_two_folders_beside_writers_converge(connect: Callable[[], Connection]) -> None:
    async def write(number: int) -> None:
        ledger, inventory = stores(connect())
        for round_ in range(6):
            mine = server(f"s{number}", owner=f"round {round_}")
            await ledger.append([created(mine)] if round_ % 2 else [created(mine), deleted(mine)])
            await inventory.catch_up()

    await asyncio.gather(*(write(number) for number in range(4)))
    _, inventory = stores(connect())
    found = await inventory.servers()
    assert [(item.server.spec.name, item.server.owner) for item in found] == [
        (f"s{number}", "round 5") for number in range(4)
    ]


class SlowLedger(MongoLedger):
    """Hands out what it has read only when it is told to, and once only."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.has_read = asyncio.Event()
        self.go_on = asyncio.Event()

    async def after(self, position: int) -> tuple[int, Sequence[LedgerEntry]]:
        if self.has_read.is_set():
            raise Unavailable("this process has ended")
        found = await super().after(position)
        self.has_read.set()
        await self.go_on.wait()
        return found


async def test_a_folder_that_was_overtaken_turns_nothing_back(connect: Callable[[], Connection]) -> None:
    ledger, inventory = stores(connect())
    connection = connect()
    slow_ledger = SlowLedger(connection)
    slow = MongoInventory(connection, slow_ledger)
    await ledger.append([created(server("a")), created(server("b", owner="first"))])
    overtaken = asyncio.create_task(slow.catch_up())
    await slow_ledger.has_read.wait()
    await ledger.append([deleted(server("a")), created(server("b", owner="second"))])
    await inventory.catch_up()
    slow_ledger.go_on.set()
    with pytest.raises(Unavailable):
        await overtaken
    # What comes next is folded from the marker on, which must not have gone back either.
    await ledger.append([created(server("c"))])
    await inventory.catch_up()
    assert [(item.server.spec.name, item.server.owner) for item in await inventory.servers()] == [
        ("b", "second"),
        ("c", "owner of c"),
    ]
