"""Processes of an earlier stack in the same state directory that outlived their supervisor."""

from collections.abc import Callable

import psutil

from deploy.local.errors import BadStateDir
from deploy.local.state_dir import StateDir

_PATIENCE = 5.0
"""Seconds in which a killed process must be gone."""


def end_leftovers(state_dir: StateDir, tell: Callable[[str], None]) -> None:
    """Kills what pid files still name, and removes the files. The caller holds the directory's lock.

    Processes die with their supervisor, so there is rarely one; what else has such a pid is left alone.

    Raises:
        BadStateDir: a process of the earlier stack cannot be killed.
    """
    for pid_file in list(state_dir.pid_files()):
        process = pid_file.survivor()
        if process is not None:
            tell(f"{pid_file.name} of an earlier stack still runs (pid {process.pid}); ending it")
            try:
                process.kill()
                process.wait(timeout=_PATIENCE)
            except psutil.NoSuchProcess:
                pass
            except (psutil.AccessDenied, psutil.TimeoutExpired):
                raise BadStateDir(
                    f"{pid_file.name} of an earlier stack (pid {process.pid}) uses {state_dir.path} "
                    "and cannot be ended"
                ) from None
        pid_file.remove()
