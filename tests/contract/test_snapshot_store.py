"""Snapshots, wherever they are kept: one suite for every storage."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import pytest

from activities.ports import SnapshotStore
from activities.snapshots.filesystem import FilesystemSnapshots
from activities.snapshots.surrealdb.access import access
from activities.snapshots.surrealdb.connection import SurrealConnection
from activities.snapshots.surrealdb.store import SurrealSnapshots
from tests.support.samples import NOON
from tests.support.surrealdb import EmbeddedSurreal
from workflows.domain.errors import InvalidRequest, Unavailable
from workflows.domain.records import StateSnapshot

Break = Callable[[str, str], Awaitable[str]]
"""Spoils a report of an owner, and says how the log must name it."""


class Kept:
    """A storage, an owner that nobody else has, and how to spoil what is kept for it."""

    def __init__(self, store: SnapshotStore, spoil: Break) -> None:
        self.store = store
        self.owner = str(uuid4())
        self.spoil = spoil


@pytest.fixture(params=["filesystem", "surrealdb"])
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kept]:
    if request.param == "filesystem":
        yield Kept(FilesystemSnapshots(tmp_path), lambda owner, number: spoil_file(tmp_path, owner, number))
        return
    server: EmbeddedSurreal = request.getfixturevalue("surrealdb")
    store = SurrealSnapshots(server.settings)
    connection = SurrealConnection(lambda: access(server.settings))
    yield Kept(store, lambda owner, number: spoil_record(connection, owner, number))
    await connection.close()
    await store.close()


async def spoil_file(folder: Path, owner: str, number: str) -> str:
    path = folder / owner / f"{number}.json"
    path.write_bytes(path.read_bytes()[:-5])
    return str(path)


async def spoil_record(connection: SurrealConnection, owner: str, number: str) -> str:
    statement = "UPDATE snapshot_report SET snapshots[*].content = '{' WHERE id = $id"
    identity = await connection.query(
        "SELECT VALUE id FROM snapshot_report:[$owner, $number]..=[$owner, $number]",
        {"owner": owner, "number": number},
    )
    await connection.query(statement, {"id": identity[0]})
    return str(identity[0])


def snapshot(sequence: int, workflow: str = "task") -> StateSnapshot:
    return StateSnapshot(
        snapshot_id=f"{workflow}-{sequence}",
        workflow_id=workflow,
        sequence=sequence,
        timestamp=NOON,
        state="Running",
        details={"step": "ä", "nothing": None, "large": 2**70, "a.b": {"$c": [1.5, True, ""]}, "d": "a:b"},
    )


async def test_they_come_back_in_order_and_each_once(kept: Kept) -> None:
    store, owner, another = kept.store, kept.owner, f"{kept.owner}-another"
    await store.save(owner, "w-2", [snapshot(5), snapshot(3, "other")])
    await store.save(owner, "w-1", [snapshot(1), snapshot(5)])
    await store.save(another, "w-1", [snapshot(2)])
    assert await store.load(owner, "task") == [snapshot(1), snapshot(5)]
    assert await store.load(owner, "other") == [snapshot(3, "other")]
    assert await store.load(owner, "nobody") == []
    assert await store.load("nobody", "task") == []


async def test_storing_a_report_again_changes_nothing(kept: Kept) -> None:
    store, owner = kept.store, kept.owner
    await asyncio.gather(*(store.save(owner, "w-1", [snapshot(n) for n in range(50)]) for _ in range(20)))
    await store.save(owner, "w-1", [snapshot(77)])
    assert await store.load(owner, "task") == [snapshot(n) for n in range(50)]


async def test_twenty_writers_at_once_lose_nothing(kept: Kept) -> None:
    store, owner = kept.store, kept.owner

    async def write(writer: int) -> None:
        for number in range(10):
            await store.save(owner, f"w{writer}-{number}", [snapshot(100 * writer + number)])

    await asyncio.gather(*(write(writer) for writer in range(20)))
    assert len(await store.load(owner, "task")) == 200


async def test_a_long_history_comes_back_whole(kept: Kept) -> None:
    store, owner = kept.store, kept.owner
    for start in range(0, 450, 50):
        numbers = range(start, start + 50)
        await asyncio.gather(*(store.save(owner, f"w-{n:09d}", [snapshot(n)]) for n in numbers))
    await store.save(owner, "w-000000100-b", [snapshot(0, "other")])
    assert [s.sequence for s in await store.load(owner, "task")] == list(range(450))
    assert len(await store.load(owner, "other")) == 1


async def test_a_large_report_is_kept_whole(kept: Kept) -> None:
    large = [snapshot(n).model_copy(update={"details": {"output": "x" * 4000}}) for n in range(500)]
    await kept.store.save(kept.owner, "w-1", large)
    assert await kept.store.load(kept.owner, "task") == large


async def test_what_is_malformed_is_left_out_and_named(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    store, owner = kept.store, kept.owner
    await store.save(owner, "w-1", [snapshot(1)])
    await store.save(owner, "w-2", [snapshot(2)])
    name = await kept.spoil(owner, "w-1")
    assert await store.load(owner, "task") == [snapshot(2)]
    assert name in caplog.text


@pytest.mark.parametrize("name", ["../escape", "a/b", "", ".hidden", "/etc", "a\n", "a\0b"])
async def test_names_cannot_lead_elsewhere(kept: Kept, name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest):
        await kept.store.save(name, "w-1", [snapshot(1)])
    with pytest.raises(InvalidRequest):
        await kept.store.save(kept.owner, name, [snapshot(1)])
    with pytest.raises(InvalidRequest):
        await kept.store.load(name, "task")
    assert await kept.store.load(kept.owner, "task") == []
    assert everything_in(tmp_path) == []


def everything_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


async def test_it_can_be_tried_out_and_keeps_nothing_of_it(kept: Kept) -> None:
    await asyncio.gather(*(kept.store.check() for _ in range(5)))
    assert await kept.store.load(kept.owner, "task") == []


# The file system's own


async def test_what_a_dead_attempt_left_is_written_over(tmp_path: Path) -> None:
    store = FilesystemSnapshots(tmp_path)
    (tmp_path / "batch").mkdir()
    (tmp_path / "batch" / "w-1.draft").write_text("[half of " * 1000)
    assert await store.load("batch", "task") == []
    await store.save("batch", "w-1", [snapshot(1)])
    await asyncio.gather(*(store.save("batch", "w-1", [snapshot(1)]) for _ in range(8)))
    assert await store.load("batch", "task") == [snapshot(1)]
    assert [path.name for path in (tmp_path / "batch").iterdir()] == ["w-1.json"]


async def test_a_file_system_that_refuses_is_a_reason_to_try_again(tmp_path: Path) -> None:
    (tmp_path / "batch").write_text("a file where the folder should be")
    with pytest.raises(Unavailable):
        await FilesystemSnapshots(tmp_path).save("batch", "w-1", [snapshot(1)])
