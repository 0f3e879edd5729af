"""The ports of what watches over the system itself. All others are in `ports.py`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, runtime_checkable

from workflows.domain.resources import Frozen
from workflows.domain.states import BatchStatus, TaskStatus


class WorkflowTotals(NamedTuple):
    """How many batches and tasks there are: both are workflows under their own id.

    What was cancelled is in `total` alone.
    """

    total: int
    active: int
    """Those that have not ended, whether they run or wait for their turn."""
    completed: int
    failed: int


class WorkCounts(NamedTuple):
    """How many batches and tasks there are in each state; a state that is left out has none."""

    batches: Mapping[BatchStatus, int]
    tasks: Mapping[TaskStatus, int]


class WorkerProcess(Frozen):
    """A worker process, from its start to its end; a restart is another one."""

    id: str
    host: str
    """The machine's name."""
    pid: int
    task_queue: str
    started_at: datetime


class Sighting(NamedTuple):
    """A worker, and the seconds since it was last heard, both ends by the clock of the registry."""

    worker: WorkerProcess
    silent_for: float


class WorkerRegistry(Protocol):
    """Which workers live. They say so themselves: Temporal lists those that died for minutes."""

    async def beat(self, worker: WorkerProcess) -> None:
        """Says that the worker lives. The first beat enters it, also where it had been forgotten."""

    async def leave(self, worker_id: str) -> None:
        """Strikes out a worker that has ended."""

    async def workers(self, task_queue: str) -> Sequence[Sighting]:
        """Those that work on the queue; who has been silent for long is forgotten."""


@runtime_checkable
class AccessCheck(Protocol):
    """What a provider may have besides, so that the system's health tells whether it lets us in."""

    async def check_access(self) -> None:
        """Tries the credentials for real, and changes nothing. The caller sets the deadline.

        The message is shown to users: no address, no secret.

        Raises:
            Refused: the provider does not take the credentials, in its own words.
            Unavailable: it cannot be asked for now.
        """


class Announced(NamedTuple):
    """What was announced last, and its number."""

    number: int
    text: str


class Announcements(Protocol):
    """What the API processes announced last, so that several who see the same change announce it once."""

    async def last(self) -> Announced | None: ...

    async def claim(self, previous: Announced | None, text: str) -> Announced | None:
        """Makes `text` the last announcement, behind `previous`; None if somebody else was first."""
