"""Nobody who resumes misses an event or gets one twice, whatever is killed and whoever is slow.

2,000 events to 20 clients by default; with `TEST_ROUNDS` 10,000. On a wide stack of API processes
(`tests/support/topology.py`) whoever comes back comes to another of them.
"""

import asyncio
import os
import random
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path

import pytest
from temporalio.client import Client
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close

from activities.mongo.stores import Stores
from activities.settings import Settings
from tests.support.api import api_settings
from tests.support.live import ApiProcess, Faithful, api_process, api_processes
from tests.support.mongodb import EmbeddedMongo, opened_stores
from tests.support.stack import eventually
from workflows.domain.errors import Unavailable
from workflows.domain.events import Event, EventType

EVENTS = 10_000 if "TEST_ROUNDS" in os.environ else 2_000
CLIENTS = 20
DROPS = 50
LONG = 2_000
"""Characters of an event with which a socket is soon full."""


@pytest.fixture
def settings(mongodb: EmbeddedMongo, temporal: Client, tmp_path: Path) -> Settings:
    return api_settings(tmp_path / "state", mongodb, temporal)


@pytest.fixture
async def stores(settings: Settings) -> AsyncIterator[Stores]:
    async with opened_stores(settings) as stores:
        yield stores


def events(first: int, number: int, characters: int) -> list[Event]:
    now = datetime.now(UTC)
    return [
        Event(
            id=f"e{i}",
            event_type=EventType.LOG_ENTRY,
            timestamp=now,
            data={"number": i, "line": "x" * characters},
        )
        for i in range(first, first + number)
    ]


async def append(stores: Stores, number: int, first: int = 1, each: int = 100, characters: int = 100) -> None:
    for start in range(first, first + number, each):
        while True:
            try:
                await stores.event_log.append(events(start, each, characters))
            except Unavailable:
                await asyncio.sleep(0.2)
            else:
                break


def orders(processes: list[ApiProcess]) -> list[list[ApiProcess]]:
    """Each is the first in one of them."""
    return [processes[place:] + processes[:place] for place in range(len(processes))]


def stopped_reader(process: ApiProcess, token: str) -> connect:
    """A client with little room in its socket, so that it is noticed when it takes nothing."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect(("127.0.0.1", process.settings.api_port))
    client = process.follow(token, since=0)
    narrow.setblocking(False)
    client.create_connection_kwargs["sock"] = narrow
    return client


async def test_every_client_that_resumes_ends_with_every_event_once_and_in_order(
    settings: Settings, stores: Stores, tmp_path: Path
) -> None:
    drops = frozenset(random.Random(1).sample(range(1, EVENTS), DROPS))
    async with api_processes(settings, tmp_path) as processes:
        *others, last = processes
        token = await last.token()
        clients = [Faithful(order, token, EVENTS) for order in islice(cycle(orders(processes)), CLIENTS - 2)]
        dropping = Faithful(processes, token, EVENTS, drop_after=drops)
        everybody = [*clients, dropping]
        async with (
            stopped_reader(last, token) as stopped,
            asyncio.timeout(400),
            asyncio.TaskGroup() as group,
        ):
            stopped.transport.pause_reading()
            for client in everybody:
                group.create_task(client.run())
            half = EVENTS // 2
            writing = group.create_task(append(stores, half))
            await eventually(lambda: min(len(client.numbers) for client in everybody) > half // 2, within=300)
            for other in others:
                await other.end(kill=True)
                await other.start()
            await last.end(kill=True)
            # Nobody can have what follows, so everybody has to come back for it.
            await writing
            group.create_task(append(stores, EVENTS - half, first=half + 1))
            await last.start()
        for client in everybody:
            client.assert_complete()
            assert client.connected >= 2
        assert dropping.dropped == DROPS


async def test_clients_of_two_processes_see_all(settings: Settings, stores: Stores, tmp_path: Path) -> None:
    async with (
        api_process(settings, tmp_path / "one") as one,
        api_process(settings, tmp_path / "two") as two,
    ):
        token = await one.token()
        clients = [Faithful([process], token, 500) for process in (one, two, one, two)]
        async with asyncio.timeout(120), asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(client.run())
            group.create_task(append(stores, 500, each=5))
        for client in clients:
            client.assert_complete()


async def how_it_ends(process: ApiProcess, stopped: ClientConnection) -> Close | None:
    """What is said to it, which reads again as soon as it is given up: nothing waits long for it then."""
    await eventually(lambda: "closing with 4408" in process.output.read_text(), within=300)
    stopped.transport.resume_reading()
    with pytest.raises(ConnectionClosed) as closed:
        async with asyncio.timeout(60):
            while True:
                await stopped.recv()
    return closed.value.rcvd


async def test_one_who_stops_reading_is_told_where_to_resume_and_slows_nobody(
    settings: Settings, stores: Stores, tmp_path: Path
) -> None:
    async with api_processes(settings, tmp_path) as processes:
        process, *_ = processes
        token, number = await process.token(), 5_000
        async with stopped_reader(process, token) as stopped:
            stopped.transport.pause_reading()
            other = Faithful([process], token, number)
            async with asyncio.timeout(300), asyncio.TaskGroup() as group:
                group.create_task(append(stores, number, characters=LONG))
                group.create_task(other.run())
                ending = group.create_task(how_it_ends(process, stopped))
            other.assert_complete()
            told = ending.result()
            assert told is not None and told.code == 4408
            since = int(told.reason.partition("since=")[2])
            resumed = Faithful(processes[::-1], token, number, since=since)
            assert resumed.since < other.position
            async with asyncio.timeout(60):
                await resumed.run()
            resumed.assert_complete(first=resumed.numbers[0])
            assert resumed.sequences == other.sequences[resumed.since :]


async def test_clients_outlive_an_absence_of_the_database(
    mortal_mongodb: EmbeddedMongo, temporal: Client, tmp_path: Path
) -> None:
    settings = api_settings(tmp_path / "state", mortal_mongodb, temporal)
    async with opened_stores(settings) as stores, api_processes(settings, tmp_path) as processes:
        token = await processes[0].token()
        clients = [Faithful([process], token, 200) for process in processes]
        async with asyncio.timeout(120), asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(client.run())
            await append(stores, 100, each=10)
            await eventually(lambda: all(len(client.numbers) == 100 for client in clients))
            await mortal_mongodb.restart_after_kill(seconds_away=3)
            await append(stores, 100, first=101, each=10)
        for client in clients:
            client.assert_complete()
            assert client.connected == 1
