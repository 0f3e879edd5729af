"""Whose room is looked at."""

from pathlib import Path


def growing_folder(state_dir: Path) -> Path:
    """The folder of the snapshots, which may be on a disk of its own while the rest is in memory.

    The state directory itself where there is none yet.
    """
    snapshots = state_dir / "snapshots"
    return snapshots if snapshots.is_dir() else state_dir
