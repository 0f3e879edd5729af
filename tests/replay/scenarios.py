"""Batches whose histories are kept. Together they go through every branch that a batch can take."""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from temporalio.client import WorkflowFailureError

from tests.support.batches import batch, server_operation, taskserv_operation
from tests.support.engine import Engine, Handle
from tests.support.stack import eventually
from workflows.batch import BatchWorkflow
from workflows.domain.batches import BatchSpec
from workflows.domain.identity import task_id
from workflows.domain.operations import (
    DeleteServersConfig,
    ServerOperation,
    ServerToDelete,
    TaskservItem,
    TaskservOperation,
    TaskservsConfig,
    TaskservWork,
)
from workflows.domain.resources import Params
from workflows.domain.states import BatchStatus
from workflows.locks import locks_id

Meddle = Callable[[Engine, Handle], Awaitable[None]]


async def _let_it_run(engine: Engine, handle: Handle) -> None:
    """Nobody interferes."""


async def _nothing(engine: Engine) -> None:
    """The world is empty."""


@dataclass(frozen=True)
class Scenario:
    """A batch, what somebody does to it meanwhile, and which of its operations' histories are kept too."""

    name: str
    wanted: BatchSpec
    status: BatchStatus
    children: tuple[str, ...]
    meddle: Meddle = _let_it_run
    lists: tuple[str, ...] = ()
    """Infras whose lists of locks are kept too."""
    before: Callable[[Engine], Awaitable[None]] = _nothing
    """What is there before it starts."""
    continued: bool = False
    """Whether it runs where long batches are continued early."""

    async def play(self, engine: Engine) -> dict[str, str]:
        """Runs it to its end, which must be the expected one; its workflows by the names of what is kept."""
        await self.before(engine)
        handle = await engine.start(self.wanted)
        await self.meddle(engine, handle)
        with contextlib.suppress(WorkflowFailureError):  # where it was cancelled from outside
            await handle.result()
        batch_id = self.wanted.batch_id
        record = await engine.stores.read_model.batch(batch_id)
        if record is None or record.status is not self.status:
            raise RuntimeError(f"{self.name} did not end {self.status}: {record}")
        operations = {f"operation-{name}": task_id(batch_id, name) for name in self.children}
        return {"batch": batch_id} | operations | {f"locks-{infra}": locks_id(infra) for infra in self.lists}


def scenarios() -> list[Scenario]:
    return [
        _success(),
        _deletion(),
        _deletion_called_off(),
        _maintenance(),
        _failure(),
        _failure_of_servers(),
        _failure_without_rollback(),
        Scenario("cancel", _held("cancel"), BatchStatus.CANCELLED, ("make", "held", "slow"), _signal),
        Scenario("native_cancel", _held("native"), BatchStatus.CANCELLED, ("make", "held"), _from_outside),
        Scenario(
            "continue_as_new",
            wide("continued", 24),
            BatchStatus.COMPLETED,
            ("make-0", "install-0"),
            continued=True,
        ),
        Scenario(
            "continue_as_new_rollback",
            wide("continued-back", 12, failing=True),
            BatchStatus.FAILED,
            ("make-0", "install-0", "last"),
            continued=True,
        ),
        Scenario(
            "continue_as_new_native_cancel",
            wide("continued-cancel", 14, seconds=0.3),
            BatchStatus.CANCELLED,
            ("make-0",),
            after_first_run,
            continued=True,
        ),
    ]


def wide(infra: str, operations: int, *, failing: bool = False, seconds: float = 0.0) -> BatchSpec:
    """Half servers, half task services on them, six at a time; `failing` adds one at the end that fails."""
    pairs = operations // 2
    made = [
        server_operation(f"make-{n}", infra=infra, servers=[f"web-{n}"], create_seconds=str(seconds))
        for n in range(pairs)
    ]
    installed = [
        taskserv_operation(f"install-{n}", [f"make-{n}"], infra=infra, seconds=seconds) for n in range(pairs)
    ]
    everything = [operation.id for operation in (*made, *installed)]
    last = [taskserv_operation("last", everything, infra=infra, taskserv="broken", fail=True)]
    return batch(*made, *installed, *(last if failing else []), parallel_limit=6)


async def after_first_run(engine: Engine, handle: Handle) -> None:
    """Cancels from outside once the batch was continued."""
    await continued(engine, handle)
    await engine.client.get_workflow_handle(handle.id).cancel()


async def continued(engine: Engine, handle: Handle) -> None:
    """Returns once a run after the first is under way."""

    async def later_run() -> bool:
        now = await engine.client.get_workflow_handle(handle.id).describe()
        return now.run_id != handle.first_execution_run_id

    await eventually(later_run)


def _success() -> Scenario:
    """Installs, changes and removes; one operation is slow enough to report on the way."""
    infra = "success"
    slow: Params = {"seconds": 0.7}
    wanted = batch(
        server_operation("make", infra=infra, servers=["web-1", "web-2"]),
        _taskservs("install", ["make"], [("one", slow), ("two", slow), ("three", slow)], infra),
        _taskservs("change", ["install"], [("one", {"size": 2}), ("two", slow)], infra),
        _taskservs("remove", ["change"], [("one", {}), ("never-there", {})], infra, operation="delete"),
    )
    return Scenario("success", wanted, BatchStatus.COMPLETED, ("make", "install", "change", "remove"))


def _maintenance() -> Scenario:
    """Configures and restarts what it installed; then one restart finds nothing, and all is taken back."""
    infra = "maintenance"
    wanted = batch(
        server_operation("make", infra=infra, servers=["web-1", "web-2"]),
        _taskservs("install", ["make"], [("one", {"size": 1}), ("two", {})], infra),
        _taskservs("change", ["install"], [("one", {"size": 2}), ("two", {})], infra, operation="configure"),
        _taskservs("again", ["change"], [("one", {}), ("two", {})], infra, operation="restart"),
        _taskservs("break", ["again"], [("two", {}), ("never-there", {})], infra, operation="restart"),
    )
    return Scenario("maintenance", wanted, BatchStatus.FAILED, ("change", "again", "break"))


def _deletion() -> Scenario:
    """Deletes one of the servers that it made, with what stands on it, and then fails and brings it back."""
    infra = "deletion"
    wanted = batch(
        server_operation("make", infra=infra, servers=["web-1", "web-2"]),
        taskserv_operation("install", ["make"], infra=infra),
        _delete("delete", ["install"], "web-2", infra),
        server_operation("break", ["delete"], infra=infra, fail_create="refused"),
    )
    return Scenario("deletion", wanted, BatchStatus.FAILED, ("delete",))


def _deletion_called_off() -> Scenario:
    """Is cancelled while it deletes a server, which then stays."""
    infra = "called-off"

    async def make(engine: Engine) -> None:
        await engine.run(batch(server_operation("web-1", infra=infra, delete_seconds="600")))

    async def cancel(engine: Engine, handle: Handle) -> None:
        await eventually(lambda: engine.provider.busy > 0)
        await handle.signal(BatchWorkflow.cancel, "the operator changed his mind")

    wanted = batch(_delete("delete", [], "web-1", infra))
    return Scenario(
        "deletion_called_off", wanted, BatchStatus.CANCELLED, ("delete",), meddle=cancel, before=make
    )


def _failure() -> Scenario:
    """An operation fails halfway and takes itself back; then the batch takes the others back."""
    infra = "failure"
    wanted = batch(
        server_operation("make", infra=infra, servers=["web-1", "web-2"]),
        taskserv_operation("install", ["make"], infra=infra, taskserv="one"),
        _taskservs("break", ["install"], [("two", {}), ("broken", {"fail": True})], infra),
        taskserv_operation("never", ["break"], infra=infra),
    )
    return Scenario("failure", wanted, BatchStatus.FAILED, ("make", "install", "break"))


def _failure_of_servers() -> Scenario:
    """One of several servers is refused, another needs a second attempt, and one cannot be deleted again."""
    infra = "servers"
    wanted = batch(
        server_operation("stays", infra=infra, fail_delete="refused"),
        server_operation("second", infra=infra, fail_create="1"),
        server_operation("break", ["stays", "second"], infra=infra, fail_create="refused"),
    )
    return Scenario("failure_of_servers", wanted, BatchStatus.FAILED, ("second", "break"))


def _failure_without_rollback() -> Scenario:
    infra = "kept"
    wanted = batch(
        server_operation("break", infra=infra, fail_create="refused"),
        server_operation("never", ["break"], infra=infra),
        server_operation("kept", infra=infra),
        rollback_enabled=False,
    )
    return Scenario("failure_without_rollback", wanted, BatchStatus.FAILED, ("break", "kept"))


def _held(infra: str) -> BatchSpec:
    """One operation done, two in the middle of their work, one that waits."""
    return batch(
        server_operation("make", infra=infra),
        server_operation("held", ["make"], infra=infra, hold="yes"),
        _taskservs("slow", ["make"], [("one", {}), ("two", {"seconds": 600})], infra),
        server_operation("never", ["held"], infra=infra),
    )


async def _signal(engine: Engine, handle: Handle) -> None:
    await _in_the_middle(engine, "cancel")
    await handle.signal(BatchWorkflow.cancel, "the operator changed his mind")


async def _from_outside(engine: Engine, handle: Handle) -> None:
    await _in_the_middle(engine, "native")
    await handle.cancel()


async def _in_the_middle(engine: Engine, infra: str) -> None:
    """Returns when one server is being made, and the first task service stands on another one."""

    async def reached() -> bool:
        made = await engine.provider.find(infra, "make")
        return made is not None and engine.taskservs.installed_on(made) == ["one"]

    await eventually(reached)


def _taskservs(
    name: str,
    needs: Sequence[str],
    wanted: Sequence[tuple[str, Params]],
    infra: str,
    operation: TaskservWork = "create",
) -> TaskservOperation:
    items = [TaskservItem(name=taskserv, params=params) for taskserv, params in wanted]
    return TaskservOperation(
        id=name,
        provider="memory",
        dependencies=tuple(needs),
        config=TaskservsConfig(operation=operation, infra=infra, taskservs=items),
    )


def _delete(name: str, needs: Sequence[str], server: str, infra: str) -> ServerOperation:
    return ServerOperation(
        id=name,
        provider="memory",
        dependencies=tuple(needs),
        config=DeleteServersConfig(
            operation="delete", infra=infra, server_configs=[ServerToDelete(name=server)]
        ),
    )
