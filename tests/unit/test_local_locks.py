"""Locks that are freed by the kernel, and whose files may vanish."""

import asyncio
import os
from pathlib import Path

from activities.providers.local.locks import exclusive, is_locked, try_lock


async def test_holders_exclude_each_other_even_if_each_removes_the_lock_file(tmp_path: Path) -> None:
    inside = 0

    async def hold() -> None:
        nonlocal inside
        async with exclusive(tmp_path / "folder" / "lock"):
            inside += 1
            assert inside == 1
            await asyncio.sleep(0.001)
            inside -= 1
            (tmp_path / "folder" / "lock").unlink()
            (tmp_path / "folder").rmdir()

    await asyncio.gather(*(hold() for _ in range(20)))


async def test_a_cancelled_wait_leaves_the_lock_to_others(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    async with exclusive(path):
        waiting = asyncio.create_task(exclusive(path).__aenter__())
        await asyncio.sleep(0.03)
        waiting.cancel()
        await asyncio.wait([waiting])
    assert not is_locked(path)
    async with asyncio.timeout(5), exclusive(path):
        assert is_locked(path)


def test_a_lock_lasts_until_its_last_copy_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_locked(path)
    descriptor = try_lock(path)
    assert descriptor is not None
    copy = os.dup(descriptor)
    os.close(descriptor)
    assert is_locked(path)
    assert try_lock(path) is None
    os.close(copy)
    assert not is_locked(path)
