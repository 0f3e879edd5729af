"""Locks that the kernel frees when their holder dies, however it dies."""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from pathlib import Path

_POLL = 0.01
"""Seconds between two attempts. A thread that waits in flock() could not be cancelled."""


@contextlib.asynccontextmanager
async def exclusive(path: Path) -> AsyncIterator[None]:
    """Holds the lock file `path`, which whoever holds it may also remove."""
    while (descriptor := _try_named(path)) is None:  # noqa: ASYNC110 - other processes have no asyncio.Event
        await asyncio.sleep(_POLL)
    try:
        yield
    finally:
        os.close(descriptor)


def try_lock(path: Path) -> int | None:
    """A descriptor that holds the lock file `path` until it and all its copies are closed; None if taken."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_locked(path: Path) -> bool:
    """Whether anybody holds the lock file `path`."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _try_named(path: Path) -> int | None:
    """Like `try_lock`, where the last holder may have removed the file or its folder in between."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = try_lock(path)
    except FileNotFoundError:
        return None
    if descriptor is None:
        return None
    try:
        named = path.stat()
    except FileNotFoundError:
        os.close(descriptor)
        return None
    held = os.fstat(descriptor)
    if (named.st_dev, named.st_ino) != (held.st_dev, held.st_ino):
        os.close(descriptor)
        return None
    return descriptor
