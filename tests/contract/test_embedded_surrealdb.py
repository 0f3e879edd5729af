"""The embedded SurrealDB: one owner, nothing lost in a crash, nothing for strangers, and back by itself."""

import asyncio
import stat
import subprocess
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import websockets
from surrealdb.data.cbor import decode, encode

from activities.settings import Settings
from activities.snapshots.surrealdb import connection as connections
from activities.snapshots.surrealdb.access import Access, access
from activities.snapshots.surrealdb.connection import SurrealConnection
from activities.snapshots.surrealdb.store import SurrealSnapshots
from activities.snapshots.surrealdb_server.engine import Engine
from activities.snapshots.surrealdb_server.serving import Door
from deploy.local.ports import free_port
from tests.contract.test_snapshot_store import snapshot
from tests.support.stack import ROOT, eventually
from tests.support.surrealdb import EmbeddedSurreal
from workflows.domain.errors import Unavailable


@pytest.fixture
async def store(mortal_surrealdb: EmbeddedSurreal) -> AsyncIterator[SurrealSnapshots]:
    store = SurrealSnapshots(mortal_surrealdb.settings)
    yield store
    await store.close()


def test_a_second_owner_is_refused(mortal_surrealdb: EmbeddedSurreal) -> None:
    another = [*mortal_surrealdb.command[:-1], str(free_port())]
    second = subprocess.run(another, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert second.stdout == ""
    owner = (mortal_surrealdb.state_dir / "surrealdb.lock").read_text().strip()
    assert second.stderr == (
        f"the embedded SurrealDB cannot start: process {owner} has the database in "
        f"{mortal_surrealdb.state_dir / 'surrealdb'} open already\n"
    )
    mortal_surrealdb.kill()
    mortal_surrealdb.start()  # a lock does not outlive its owner
    assert mortal_surrealdb.stop() == 0


async def test_a_crash_under_load_loses_nothing_that_was_acknowledged(
    mortal_surrealdb: EmbeddedSurreal, store: SurrealSnapshots
) -> None:
    acknowledged: set[int] = set()
    stop = asyncio.Event()

    async def write(writer: int) -> None:
        number = 1000 * writer
        while not stop.is_set():
            try:
                await store.save("batch", f"w-{number}", [snapshot(number)])
            except Unavailable:
                await asyncio.sleep(0.02)
                continue
            acknowledged.add(number)
            number += 1

    def reached(enough: int) -> bool:
        return len(acknowledged) >= enough

    async with asyncio.TaskGroup() as writers:
        for writer in range(10):
            writers.create_task(write(writer))
        for _ in range(3):
            enough = len(acknowledged) + 50
            await eventually(partial(reached, enough), every=0.001)
            await mortal_surrealdb.restart_after_kill()
        stop.set()
    found = {one.sequence for one in await store.load("batch", "task")}
    assert acknowledged <= found


async def test_it_says_that_it_is_away_and_comes_back_by_itself(
    mortal_surrealdb: EmbeddedSurreal, store: SurrealSnapshots
) -> None:
    await store.save("batch", "w-1", [snapshot(1)])
    await store.check()
    await asyncio.to_thread(mortal_surrealdb.kill)
    for call in (store.save("batch", "w-2", [snapshot(2)]), store.load("batch", "task"), store.check()):
        with pytest.raises(Unavailable):
            await call
    await asyncio.to_thread(mortal_surrealdb.start)
    await store.check()
    assert await store.load("batch", "task") == [snapshot(1)]
    # The connection was lost while nobody used it: the next call does not pay for that.
    await mortal_surrealdb.restart_after_kill()
    await eventually(lambda: store._connection._client is None or store._connection._client.is_lost)
    assert await store.load("batch", "task") == [snapshot(1)]


async def test_a_server_that_hangs_is_away_and_a_caller_can_leave(
    mortal_surrealdb: EmbeddedSurreal, store: SurrealSnapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.save("batch", "w-1", [snapshot(1)])
    mortal_surrealdb.pause()
    waiting = asyncio.create_task(store.load("batch", "task"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    monkeypatch.setattr(connections, "DEADLINE", 0.5)
    with pytest.raises(Unavailable, match="in time"):
        await store.load("batch", "task")
    monkeypatch.undo()
    await mortal_surrealdb.restart_after_kill()
    assert await store.load("batch", "task") == [snapshot(1)]


async def test_a_lost_connection_is_no_cancellation_of_the_caller(
    mortal_surrealdb: EmbeddedSurreal, store: SurrealSnapshots
) -> None:
    await store.check()
    mortal_surrealdb.pause()
    calls = [asyncio.create_task(store.load("batch", "task")) for _ in range(5)]
    await asyncio.sleep(0.1)
    await asyncio.to_thread(mortal_surrealdb.kill)
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 5


async def rpc(port: int, *messages: dict[str, Any], **options: Any) -> list[Any]:
    """What a bare client is answered."""
    url = f"ws://127.0.0.1:{port}/rpc"
    options = {"subprotocols": ["cbor"], "proxy": None} | options
    async with websockets.connect(url, **options) as connection:
        answers = []
        for number, message in enumerate(messages):
            await connection.send(encode({"id": str(number), **message}))
            answers.append(decode(await connection.recv()))  # type: ignore[arg-type]
        return answers


QUERY = {"method": "query", "params": ["RETURN 1", {}]}


async def test_a_stranger_gets_nothing(surrealdb: EmbeddedSurreal) -> None:
    port = surrealdb.settings.surrealdb_port
    wrong = {"method": "signin", "params": [{"user": "provisioning", "pass": "guessed"}]}
    for answer in await rpc(port, QUERY, {"method": "use", "params": ["a", "b"]}, wrong, QUERY):
        assert answer["error"]["code"] == -32002
    with pytest.raises(websockets.InvalidStatus) as refused:
        await rpc(port, QUERY, origin="http://evil.example")
    assert refused.value.response.status_code == 403
    secret = surrealdb.state_dir / "surrealdb-secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert secret.read_text().strip() not in surrealdb.log.read_text()


async def test_a_wrong_password_is_a_reason_to_look_into_the_log(
    surrealdb: EmbeddedSurreal, caplog: pytest.LogCaptureFixture
) -> None:
    right = access(surrealdb.settings)
    connection = SurrealConnection(lambda: right._replace(password="not-it"))
    with pytest.raises(Unavailable):
        await connection.query("RETURN 1")
    await connection.close()
    assert "SurrealDB refused: wrong user or password" in caplog.text
    assert "not-it" not in caplog.text


async def test_one_connection_cannot_change_the_session_of_the_others(surrealdb: EmbeddedSurreal) -> None:
    known = access(surrealdb.settings)
    hello = {"method": "signin", "params": [{"user": known.username, "pass": known.password}]}
    answers = await rpc(
        surrealdb.settings.surrealdb_port,
        hello,
        {"method": "use", "params": ["other", "place"]},
        {"method": "let", "params": ["x", 1]},
        {"method": "query", "params": ["SELECT nonsense", {}]},
        {"method": "use", "params": [known.namespace, known.database]},
        QUERY,
    )
    assert [answer["error"]["code"] for answer in answers[1:4]] == [-32602, -32601, -32000]
    assert answers[5]["result"][0]["result"] == 1


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the calls that wait for many others, on a busy machine."""
    monkeypatch.setattr(connections, "DEADLINE", 120)


async def test_parallel_writers_of_one_record_lose_no_write(
    surrealdb: EmbeddedSurreal, patience: None
) -> None:
    writers = [SurrealConnection(lambda: access(surrealdb.settings)) for _ in range(20)]
    await asyncio.gather(
        *(each.query("UPSERT counter:one SET n += 1") for each in writers for _ in range(10))
    )
    assert (await writers[0].query("SELECT VALUE n FROM counter:one")) == [200]
    await asyncio.gather(*(each.close() for each in writers))


class ManyAtOnce(Engine):
    """The engine as it is, which takes requests at once and refuses those that meet: as a server does."""

    async def execute(self, identity: object, message: bytes) -> bytes:  # noqa: ARG002 - the engine's own
        return await self._engine.execute(message)


async def test_conflicts_are_tried_again(tmp_path: Path, patience: None) -> None:
    engine, port = ManyAtOnce(tmp_path / "db", "n", "d"), free_port()
    await engine.open()
    refused = 0

    class Counting(SurrealConnection):
        def _refused(self, client: Any, message: str) -> Exception:
            nonlocal refused
            refused += 1
            return super()._refused(client, message)

    async with await Door(engine, "user", "password").open(port):
        place = Access(f"ws://127.0.0.1:{port}", "n", "d", "user", "password")
        writers = [Counting(lambda: place) for _ in range(20)]
        # Connected before, so that they meet however long that takes.
        await asyncio.gather(*(each.query("RETURN 1") for each in writers))
        await asyncio.gather(
            *(
                each.query(f"BEGIN; UPSERT counter:one SET w{n} = true; SLEEP 20ms; COMMIT")
                for n, each in enumerate(writers)
            )
        )
        await asyncio.gather(*(each.close() for each in writers))
    await engine.close()
    assert refused > 0


def test_the_database_is_closed_to_other_users(surrealdb: EmbeddedSurreal) -> None:
    # The engine opens its own folder to the group, so it has one around it.
    assert stat.S_IMODE((surrealdb.state_dir / "surrealdb").stat().st_mode) == 0o700
    assert (surrealdb.state_dir / "surrealdb" / "data" / "clog").is_dir()


def test_an_address_that_is_none_is_refused() -> None:
    for url in ("http://h:1", "ws://", "ws://u:p@h:1", "ws://h:1/path"):
        with pytest.raises(ValueError, match="surrealdb_url"):
            Settings(surrealdb_url=url)
    assert access(Settings(surrealdb_url="ws://h:1/")).url == "ws://h:1"
