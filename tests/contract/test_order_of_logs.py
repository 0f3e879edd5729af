"""Ledger and event log: one order without gaps, each entry once, and no reader ever misses one."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from itertools import count

import pymongo

from activities.mongo.connection import Connection
from activities.mongo.event_log import MongoEventLog
from activities.mongo.ledger import MongoLedger
from tests.support.mongodb import EmbeddedMongo
from tests.support.samples import NOON, created, server
from workflows.domain.effects import Effect
from workflows.domain.errors import Unavailable
from workflows.domain.events import Event, EventType

WRITERS = 16
EACH = 50


def event(name: str) -> Event:
    return Event(id=name, event_type=EventType.LOG_ENTRY, timestamp=NOON, data={"line": name})


def effects_of(writer: int, number: int = EACH) -> list[Effect]:
    return [created(server(f"s{writer}-{i}"), id=f"effect-{writer}-{i}") for i in range(number)]


async def everything(ledger: MongoLedger) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    position = 0
    while True:
        last, entries = await ledger.after(position)
        if last == position:
            return found
        found += [(entry.position, entry.effect.id) for entry in entries]
        position = last


async def append_in_pieces(ledger: MongoLedger, effects: Sequence[Effect], seed: int) -> None:
    pieces = random.Random(seed)
    rest = list(effects)
    while rest:
        size = pieces.randint(1, 9)
        await ledger.append(rest[:size])
        rest = rest[size:]


async def test_many_writers_leave_no_gap_and_write_each_effect_once(
    connect: Callable[[], Connection],
) -> None:
    # A connection each: nothing in memory helps them to agree.
    connections = [connect() for _ in range(WRITERS)]
    wanted = [effects_of(writer) for writer in range(WRITERS)]
    await asyncio.gather(
        *(
            append_in_pieces(MongoLedger(own), effects, seed)
            for seed, (own, effects) in enumerate(zip(connections, wanted, strict=True))
        )
    )
    found = await everything(MongoLedger(connections[0]))
    assert [position for position, _ in found] == list(range(1, WRITERS * EACH + 1))
    assert sorted(name for _, name in found) == sorted(e.id for effects in wanted for e in effects)
    for effects in wanted:
        own_ids = {effect.id for effect in effects}
        assert [name for _, name in found if name in own_ids] == [effect.id for effect in effects]


async def test_a_reader_that_follows_by_number_misses_nothing(
    connect: Callable[[], Connection],
) -> None:
    connections = [connect() for _ in range(4)]
    total = 4 * 60
    seen: list[tuple[int, str]] = []

    async def follow() -> None:
        log = MongoEventLog(connect())
        while len(seen) < total:
            after = seen[-1][0] if seen else 0
            seen.extend((number, found.id) for number, found in await log.read(after, 7))

    async def write(writer: int, own: Connection) -> None:
        log = MongoEventLog(own)
        for number in range(0, 60, 3):
            await log.append([event(f"{writer}-{i}") for i in range(number, number + 3)])

    async with asyncio.timeout(120):
        await asyncio.gather(follow(), *(write(writer, own) for writer, own in enumerate(connections)))
    assert [number for number, _ in seen] == list(range(1, total + 1))
    assert len({name for _, name in seen}) == total


async def test_a_half_written_batch_is_completed_by_its_retry(connection: Connection) -> None:
    ledger = MongoLedger(connection)
    effects = effects_of(0, 10)
    await ledger.append(effects[:4])
    await ledger.append(effects_of(1, 1))
    await ledger.append(effects)
    names = [name for _, name in await everything(ledger)]
    assert names == [*(e.id for e in effects[:4]), "effect-1-0", *(e.id for e in effects[4:])]


async def test_entries_that_are_there_already_keep_their_place_wherever_they_stand(
    connection: Connection,
) -> None:
    ledger = MongoLedger(connection)
    effects = effects_of(0, 6)
    await ledger.append([effects[1], effects[3]])
    await ledger.append([*effects, effects[0]])
    names = [name for _, name in await everything(ledger)]
    assert names == [effects[i].id for i in (1, 3, 0, 2, 4, 5)]


async def test_the_same_batch_written_twice_at_once_is_there_once(
    connect: Callable[[], Connection],
) -> None:
    connections = [connect() for _ in range(4)]
    effects = effects_of(0, 40)
    await asyncio.gather(*(MongoLedger(own).append(effects) for own in connections))
    found = await everything(MongoLedger(connections[0]))
    assert [position for position, _ in found] == list(range(1, 41))
    assert sorted(name for _, name in found) == sorted(effect.id for effect in effects)


async def test_a_cancelled_writer_leaves_the_log_fit_for_the_next(connection: Connection) -> None:
    ledger = MongoLedger(connection)
    effects = effects_of(0, 200)
    for size in range(20, 201, 20):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await ledger.append(effects[:size])
    await ledger.append(effects)
    found = await everything(ledger)
    assert [position for position, _ in found] == list(range(1, 201))
    assert {name for _, name in found} == {effect.id for effect in effects}


async def test_nothing_is_lost_or_doubled_when_the_database_is_killed_under_its_writers(
    mortal_mongodb: EmbeddedMongo,
) -> None:
    written: dict[int, list[str]] = {}
    stop = asyncio.Event()

    async def write(writer: int) -> None:
        ledger = MongoLedger(own := Connection(mortal_mongodb.uri, "test"))
        done = written[writer] = []
        for number in count():
            if stop.is_set():
                break
            effects = [created(server(), id=f"{writer}-{number}-{i}") for i in range(3)]
            while True:
                try:
                    await ledger.append(effects)
                except Unavailable:
                    await asyncio.sleep(0.1)
                else:
                    break
            done += [effect.id for effect in effects]
        own.close()

    async with asyncio.TaskGroup() as group:
        for writer in range(4):
            group.create_task(write(writer))
        for _ in range(3):
            before = sum(map(len, written.values()))
            while sum(map(len, written.values())) < before + 30:  # noqa: ASYNC110 - the writers go on
                await asyncio.sleep(0.02)
            await mortal_mongodb.restart_after_kill()
        stop.set()

    own = Connection(mortal_mongodb.uri, "test")
    found = await everything(MongoLedger(own))
    own.close()
    assert [position for position, _ in found] == list(range(1, len(found) + 1))
    for done in written.values():
        assert [name for _, name in found if name in set(done)] == done
    assert len(found) == sum(map(len, written.values()))


async def test_a_writer_notices_that_the_database_was_replaced_by_an_empty_one(
    mortal_mongodb: EmbeddedMongo,
) -> None:
    own = Connection(mortal_mongodb.uri, "test")
    ledger = MongoLedger(own)
    await ledger.append(effects_of(0, 5))
    await asyncio.to_thread(mortal_mongodb.kill)
    try:
        await ledger.append(effects_of(1, 1))
    except Unavailable as error:
        assert "127.0.0.1" not in error.message
    else:
        raise AssertionError("nobody was there to answer")
    await asyncio.to_thread(mortal_mongodb.start)
    with pymongo.MongoClient[dict[str, object]](mortal_mongodb.uri) as client:
        client.drop_database("test")
    await ledger.append(effects_of(1, 2))
    assert await everything(ledger) == [(1, "effect-1-0"), (2, "effect-1-1")]
    own.close()


async def test_malformed_events_hide_no_later_ones(
    connection: Connection, raw_database: pymongo.database.Database[dict[str, object]]
) -> None:
    log = MongoEventLog(connection)
    await log.append([event(str(number)) for number in range(1, 11)])
    raw_database["events"].update_many(
        {"position": {"$gte": 3, "$lte": 7}}, {"$set": {"json": '{"id": "broken"'}}
    )
    seen: list[int] = []
    while found := await log.read(seen[-1] if seen else 0, 2):
        seen += [number for number, _ in found]
    assert seen == [1, 2, 8, 9, 10]
