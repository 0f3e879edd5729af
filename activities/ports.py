"""The small interfaces behind which the outside world sits: adapters implement them, activities know them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Generic, NamedTuple, Protocol, TypeVar

from workflows.domain.batches import BatchSpec
from workflows.domain.effects import Effect
from workflows.domain.events import Event
from workflows.domain.inventory import LedgerEntry
from workflows.domain.records import BatchRecord, BatchUpdate, StateSnapshot, TaskRecord
from workflows.domain.resources import Frozen, Server, ServerSpec, Taskserv
from workflows.domain.states import BatchStatus, TaskStatus
from workflows.domain.task_updates import TaskUpdate

T = TypeVar("T")


class Page(NamedTuple, Generic[T]):
    """A part of a list, and how long the whole list is."""

    items: Sequence[T]
    total: int


class ServerProvider(Protocol):
    """Makes and removes servers somewhere. All methods are idempotent."""

    @property
    def name(self) -> str: ...

    def check(self, spec: ServerSpec) -> None:
        """Refuses a plan or zone that does not exist, without asking anybody.

        Raises:
            InvalidRequest: saying which plans or zones there are.
        """

    async def create(self, spec: ServerSpec, owner: str) -> Server:
        """The server that `spec` names, reachable over SSH.

        Where one of that name exists already it is returned as it is: the caller sees by `Server.owner`
        whether it is its own. When the coroutine is cancelled it removes what it has begun.

        Raises:
            Conflict: one of that name exists with another plan or zone.
            Refused: the provider will not.
            Unavailable: the provider cannot, for now.
        """

    async def find(self, infra: str, name: str) -> Server | None:
        """The server of that name, whoever made it."""

    async def resume(self) -> None:
        """Starts what should run and does not, as after a reboot; what fails is tried at the next start."""

    async def delete(self, server: Server) -> None:
        """Removes the server without trace; one that is gone already is success.

        Raises:
            Conflict: the server of that name has another owner than `server.owner`.
            ActionFailed: it cannot be removed, and trying again will not help.
        """


class ServerProviders(Protocol):
    """The providers by name."""

    def names(self) -> Sequence[str]: ...

    def get(self, name: str) -> ServerProvider:
        """Raises InvalidRequest for an unknown name."""


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


class Ledger(Protocol):
    """The append-only record of effects, in one order without gaps."""

    async def append(self, effects: Sequence[Effect]) -> None:
        """Writes the effects in this order; those that are there already stay where they are."""

    async def by_task(self, task_id: str) -> Sequence[LedgerEntry]:
        """The entries of one task, oldest first."""

    async def page(
        self,
        *,
        task_id: str | None = None,
        batch_id: str | None = None,
        server: str | None = None,
        limit: int,
        offset: int,
    ) -> Page[LedgerEntry]:
        """The ledger, newest first. `server` is a name, or `infra/name`."""


class InventoryItem(Frozen):
    """A server with the task services on it, and the task that made it."""

    server: Server
    task_id: str
    taskservs: tuple[Taskserv, ...] = ()


class Inventory(Protocol):
    """What exists, as the ledger tells it."""

    async def catch_up(self) -> None:
        """Folds in every ledger entry that is not folded in yet."""

    async def server(self, infra: str, name: str) -> InventoryItem | None: ...

    async def servers(
        self, infra: str | None = None, provider: str | None = None
    ) -> Sequence[InventoryItem]: ...


class ReadModel(Protocol):
    """The lists of tasks and batches: a projection, never the truth."""

    async def accept(self, batch: BatchSpec) -> None:
        """Rows for the batch and its tasks, pending; rows that exist stay as they are."""

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


class EventLog(Protocol):
    """What happened, in one order without gaps, for whoever follows it."""

    async def append(self, events: Sequence[Event]) -> None:
        """Writes the events in this order; those that are there already stay where they are."""

    async def read(self, after: int, limit: int) -> Sequence[tuple[int, Event]]:
        """Up to `limit` events with a sequence number above `after`, in order."""


class SnapshotStore(Protocol):
    """Keeps the state snapshots of batches and single tasks."""

    async def save(self, owner: str, number: str, snapshots: Sequence[StateSnapshot]) -> None:
        """Stores one report's snapshots under its number; storing them again changes nothing."""

    async def load(self, owner: str, workflow_id: str) -> Sequence[StateSnapshot]:
        """The snapshots of `workflow_id` among those kept for `owner`, in order of their sequence."""


class User(Frozen):
    id: str
    username: str
    email: str
    password_hash: str
    roles: tuple[str, ...]
    disabled: bool = False
    created_at: datetime


class UserStore(Protocol):
    async def by_name(self, username: str) -> User | None: ...

    async def by_id(self, user_id: str) -> User | None: ...

    async def add(self, user: User) -> bool:
        """False, and nothing changed, if the name is taken."""

    async def count(self) -> int: ...
