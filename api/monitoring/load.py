"""How busy the machine is."""

import asyncio
import contextlib
from pathlib import Path
from typing import NamedTuple

import psutil

from activities.shared_call import SharedCall
from api.monitoring.disk import growing_folder

_MB = 1_000_000
_DISK_SECONDS = 1.0


class SystemLoad(NamedTuple):
    """The load of the machine on which this API process runs."""

    cpu_usage: float
    """Percent of all cores, averaged since the sample before."""
    memory_usage: int
    """MB that programs hold and could not be given to others."""
    disk_usage: float | None
    """Percent of the file system that what is kept grows on; None where that cannot be looked at."""


class LoadSampler:
    """Takes samples; whoever asks gets the last one, so that asking costs nothing."""

    def __init__(self, state_dir: Path) -> None:
        self._disk = SharedCall(lambda: _disk_usage(growing_folder(state_dir)))
        self._last: SystemLoad | None = None
        # The average begins here. It is kept for each thread, so samples are taken on the event loop's.
        psutil.cpu_percent()

    async def sample(self) -> SystemLoad:
        """Takes one now. A file system that hangs leaves its own part out."""
        disk = None
        with contextlib.suppress(TimeoutError):
            disk = await asyncio.wait_for(self._disk.result(), _DISK_SECONDS)
        memory = psutil.virtual_memory()
        self._last = SystemLoad(
            cpu_usage=min(max(psutil.cpu_percent(), 0.0), 100.0),
            memory_usage=(memory.total - memory.available) // _MB,
            disk_usage=disk,
        )
        return self._last

    async def load(self) -> SystemLoad:
        """The last sample, or the first."""
        return self._last or await self.sample()


def _disk_usage(folder: Path) -> float | None:
    try:
        return min(max(psutil.disk_usage(str(folder)).percent, 0.0), 100.0)
    except OSError:
        return None
