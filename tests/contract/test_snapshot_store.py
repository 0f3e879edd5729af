"""Snapshots on the file system."""

import asyncio
from pathlib import Path

import pytest

from activities.snapshots.filesystem import FilesystemSnapshots
from tests.support.samples import NOON
from workflows.domain.errors import InvalidRequest, Unavailable
from workflows.domain.records import StateSnapshot


def snapshot(sequence: int, workflow: str = "task") -> StateSnapshot:
    return StateSnapshot(
        snapshot_id=f"{workflow}-{sequence}",
        workflow_id=workflow,
        sequence=sequence,
        timestamp=NOON,
        state="Running",
        details={"step": "ä"},
    )


async def test_they_come_back_in_order_and_each_once(tmp_path: Path) -> None:
    store = FilesystemSnapshots(tmp_path)
    await store.save("batch", "w-2", [snapshot(5), snapshot(3, "other")])
    await store.save("batch", "w-1", [snapshot(1), snapshot(5)])
    await store.save("another-batch", "w-1", [snapshot(2)])
    assert await store.load("batch", "task") == [snapshot(1), snapshot(5)]
    assert await store.load("batch", "other") == [snapshot(3, "other")]
    assert await store.load("batch", "nobody") == []
    assert await store.load("nobody", "task") == []


async def test_storing_a_report_again_changes_nothing(tmp_path: Path) -> None:
    store = FilesystemSnapshots(tmp_path)
    await asyncio.gather(*(store.save("batch", "w-1", [snapshot(n) for n in range(50)]) for _ in range(8)))
    await store.save("batch", "w-1", [snapshot(7)])
    assert len(await store.load("batch", "task")) == 50
    assert [path.name for path in (tmp_path / "batch").iterdir()] == ["w-1.json"]


async def test_what_a_dead_attempt_left_is_written_over(tmp_path: Path) -> None:
    store = FilesystemSnapshots(tmp_path)
    (tmp_path / "batch").mkdir()
    (tmp_path / "batch" / "w-1.draft").write_text("[half of " * 1000)
    assert await store.load("batch", "task") == []
    await store.save("batch", "w-1", [snapshot(1)])
    assert await store.load("batch", "task") == [snapshot(1)]
    assert [path.name for path in (tmp_path / "batch").iterdir()] == ["w-1.json"]


async def test_a_corrupt_file_is_left_out_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = FilesystemSnapshots(tmp_path)
    await store.save("batch", "w-1", [snapshot(1)])
    await store.save("batch", "w-2", [snapshot(2)])
    broken = tmp_path / "batch" / "w-1.json"
    broken.write_bytes(broken.read_bytes()[:-5])
    assert await store.load("batch", "task") == [snapshot(2)]
    assert str(broken) in caplog.text


@pytest.mark.parametrize("name", ["../escape", "a/b", "", ".hidden", "/etc"])
async def test_names_cannot_lead_out_of_the_folder(tmp_path: Path, name: str) -> None:
    store = FilesystemSnapshots(tmp_path / "snapshots")
    with pytest.raises(InvalidRequest):
        await store.save(name, "w-1", [snapshot(1)])
    with pytest.raises(InvalidRequest):
        await store.save("batch", name, [snapshot(1)])
    assert everything_in(tmp_path) == []


def everything_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


async def test_a_file_system_that_refuses_is_a_reason_to_try_again(tmp_path: Path) -> None:
    (tmp_path / "batch").write_text("a file where the folder should be")
    with pytest.raises(Unavailable):
        await FilesystemSnapshots(tmp_path).save("batch", "w-1", [snapshot(1)])
