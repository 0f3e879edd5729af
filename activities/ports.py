"""The small interfaces behind which the outside world sits: adapters implement them, activities know them."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Generic, NamedTuple, Protocol, TypeVar

from pydantic import Field

from activities.monitoring_ports import WorkCounts, WorkflowTotals
from workflows.domain.batches import BatchSpec, StorageBackend
from workflows.domain.events import Event
from workflows.domain.records import BatchRecord, BatchUpdate, StateSnapshot, TaskRecord
from workflows.domain.resources import Frozen
from workflows.domain.states import BatchStatus, TaskStatus
from workflows.domain.task_updates import TaskUpdate

T = TypeVar("T")


class Page(NamedTuple, Generic[T]):
    """A part of a list, and how long the whole list is."""

    items: Sequence[T]
    total: int


class LogLine(Frozen):
    """A line that a remote job printed. `job` and `number` identify it, so it can be written twice."""

    job: str
    number: int
    at: datetime
    text: str
    task_id: str
    batch_id: str | None = None
    operation_id: str | None = None
    server: str
    taskserv: str | None = None


class LogSink(Protocol):
    """Takes the lines of remote jobs. Never blocks or fails the job: lines wait while the store is away."""

    def write(self, lines: Sequence[LogLine]) -> None: ...

    async def flush(self, seconds: float) -> bool:
        """Waits up to `seconds` for all lines so far to be stored; False if they are not yet."""


class ReadModel(Protocol):
    """The lists of tasks and batches: a projection, never the truth."""

    async def accept(self, batch: BatchSpec) -> None:
        """Rows for the batch and its tasks, pending; rows that exist stay as they are."""

    async def accept_task(self, task: TaskRecord) -> None:
        """A row for a task that belongs to no batch; one that exists stays as it is."""

    async def apply(self, tasks: Sequence[TaskUpdate], batch: BatchUpdate | None) -> None:
        """Changes rows whose version is lower than the update's."""

    async def task(self, task_id: str) -> TaskRecord | None: ...

    async def tasks(self, *, status: TaskStatus | None, limit: int, offset: int) -> Page[TaskRecord]:
        """Newest first."""

    async def tasks_of(self, batch_ids: Sequence[str]) -> Sequence[TaskRecord]:
        """All tasks of these batches, in the order of the batches' operations."""

    async def batch(self, batch_id: str) -> BatchRecord | None: ...

    async def batches(self, *, status: BatchStatus | None, limit: int, offset: int) -> Page[BatchRecord]:
        """Newest first."""

    async def tasks_with(self, ids: Collection[str]) -> Sequence[TaskRecord]:
        """Those of these tasks that there are, in no order."""

    async def operations_named(self, operation_ids: Collection[str]) -> Sequence[TaskRecord]:
        """The tasks of all operations, of whatever batch, that bear one of these ids; in no order."""

    async def totals(self) -> WorkflowTotals: ...

    async def counts(self) -> WorkCounts: ...


class EventLog(Protocol):
    """What happened, in one order without gaps, for whoever follows it."""

    async def append(self, events: Sequence[Event]) -> None:
        """Writes the events in this order; those that are there already stay where they are."""

    async def read(self, after: int, limit: int) -> Sequence[tuple[int, Event]]:
        """Up to `limit` events with a sequence number above `after`, in order."""

    async def last(self) -> int:
        """The sequence number of the last event; 0 where there is none."""


class EventSignals(Protocol):
    """Says when the event log has grown, whichever process wrote. A hint, which may be late or missing."""

    async def wait(self, seconds: float) -> None:
        """Returns when something may have been appended since the last wait, or after `seconds`."""


class SnapshotStore(Protocol):
    """Keeps the state snapshots of batches and single tasks."""

    async def save(self, owner: str, number: str, snapshots: Sequence[StateSnapshot]) -> None:
        """Stores one report's snapshots under its number; storing them again changes nothing."""

    async def load(self, owner: str, workflow_id: str) -> Sequence[StateSnapshot]:
        """The snapshots of `workflow_id` among those kept for `owner`, in order of their sequence."""

    async def check(self) -> None:
        """Tries for real whether a snapshot could be stored now; leaves nothing behind.

        The caller sets the deadline. The message is shown to users: no address, no path, no secret.

        Raises:
            Unavailable: it could not, and why.
        """


class SnapshotStores(Protocol):
    """The storages that a batch can choose from."""

    def names(self) -> Sequence[StorageBackend]: ...

    def get(self, name: StorageBackend) -> SnapshotStore: ...


class WaitingSnapshots(Frozen):
    """One report's snapshots whose storage was away."""

    storage_backend: StorageBackend
    owner: str
    number: str
    snapshots: tuple[StateSnapshot, ...]


class SnapshotOutbox(Protocol):
    """Keeps snapshots until their storage takes them."""

    async def add(self, waiting: WaitingSnapshots) -> None:
        """Adding one again changes nothing."""

    async def of(self, backend: StorageBackend, owner: str) -> Sequence[WaitingSnapshots]:
        """What waits for one storage and one owner."""

    async def deliver(
        self, backend: StorageBackend, take: Callable[[WaitingSnapshots], Awaitable[None]]
    ) -> None:
        """Hands all that waits for a storage to `take`, and forgets each that it took."""


class User(Frozen):
    id: str
    username: str
    email: str
    password_hash: str = Field(repr=False)
    roles: tuple[str, ...]
    disabled: bool = False
    created_at: datetime
    token_version: int = 0
    """Tokens of another version are void."""
    mfa_secret: str | None = Field(default=None, repr=False)
    """The sealed TOTP secret; with it, a login needs a code."""
    mfa_candidate: str | None = Field(default=None, repr=False)
    """A sealed TOTP secret that no code has confirmed yet."""
    mfa_last_step: int = 0
    """The time step of the last code that was accepted: it and older ones are used up."""
    leaving_since: datetime | None = None
    """When somebody set out to take this admin's place away, and has not ended (`api/last_admin.py`)."""
    revision: int = 0
    """Counts the changes, so that two at once do not undo each other."""


class UserStore(Protocol):
    async def by_name(self, username: str) -> User | None: ...

    async def by_id(self, user_id: str) -> User | None: ...

    async def all(self) -> Sequence[User]:
        """Every user, by name."""

    async def add(self, user: User) -> bool:
        """False, and nothing changed, if the name is taken."""

    async def replace(self, user: User) -> bool:
        """Writes a changed user, if nobody else has changed it since `user.revision`; else False."""

    async def count(self) -> int: ...


class Claim(Frozen):
    """What a client's idempotency key stands for: whoever holds the same claim does the same work."""

    id: str
    body: str
    """Digest of the request's body."""
    work_id: str
    """Id of what the request starts, a UUID."""
    created_at: datetime
    answer: str | None = None
    """The answer's data as JSON text, once it is known."""


class ClaimStore(Protocol):
    """Keeps claims for a day."""

    async def find(self, claim_id: str) -> Claim | None:
        """Raises Conflict where it is there and cannot be read."""

    async def claim(self, wanted: Claim) -> Claim:
        """The claim under this id that stands: `wanted`, or one that was there before. Raises as `find`."""

    async def answered(self, claim_id: str, answer: str) -> str:
        """Stores the answer, and returns the one that stands: the first."""
