"""What workflows write down, and the little that they read back."""

from abc import abstractmethod

from temporalio import activity

from workflows.contracts.base import ActivityContract
from workflows.domain.batches import BatchSpec, OperationResult
from workflows.domain.effects import Effect
from workflows.domain.records import Report, TaskRecord


class RecordActivities(ActivityContract):
    @activity.defn(name="accept_batch")
    @abstractmethod
    async def accept_batch(self, batch: BatchSpec) -> None:
        """The batch and its operations, as pending tasks, in the read model; rows that exist stay."""

    @activity.defn(name="accept_task")
    @abstractmethod
    async def accept_task(self, task: TaskRecord) -> None:
        """A task that belongs to no batch, as a pending one, in the read model; a row that exists stays."""

    @activity.defn(name="write_report")
    @abstractmethod
    async def write_report(self, report: Report) -> None:
        """Ledger, inventory, read model, snapshots and events. Idempotent."""

    @activity.defn(name="open_effects")
    @abstractmethod
    async def open_effects(self, task_id: str) -> list[Effect]:
        """The effects of a task that nothing has undone yet, oldest first."""


class ExecutionActivities(ActivityContract):
    @activity.defn(name="await_operation")
    @abstractmethod
    async def await_operation(self, task_id: str) -> OperationResult | None:
        """The result of an operation that an earlier run of the batch started; None if it never was."""

    @activity.defn(name="cancel_execution")
    @abstractmethod
    async def cancel_execution(self, workflow_id: str) -> None:
        """Asks Temporal to cancel an execution, which may be the one that asks; nothing if it has ended."""
