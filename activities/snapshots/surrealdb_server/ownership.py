"""One process at most has an embedded database open: two would not see each other's writes."""

import fcntl
import os
from pathlib import Path


class Taken(Exception):
    """Another process has the database. The message is for the person at the terminal."""


def take(state_dir: Path) -> int:
    """Takes the lock file beside the database. The kernel frees it when this process ends, however it ends.

    Returns:
        The descriptor that holds the lock; it must stay open.

    Raises:
        Taken: naming the process that has it.
        OSError: the state directory cannot be used.
    """
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(state_dir / "surrealdb.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(lock)
        raise Taken(f"process {owner} has the database in {state_dir / 'surrealdb'} open already") from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock
