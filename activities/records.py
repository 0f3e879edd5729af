"""Writes down what workflows report, and reads the little that they ask for."""

from collections import Counter
from collections.abc import Iterable

from temporalio import activity

from activities.failures import as_activity_failure
from activities.heartbeat import heartbeat
from activities.ledger_ports import Inventory, Ledger
from activities.ports import EventLog, ReadModel, SnapshotStores
from workflows.contracts.records import RecordActivities
from workflows.domain import projections
from workflows.domain.batches import BatchSpec
from workflows.domain.effects import Effect, still_open
from workflows.domain.records import Report, TaskRecord


class Records(RecordActivities):
    """Implements the contract over the stores."""

    def __init__(
        self,
        ledger: Ledger,
        inventory: Inventory,
        read_model: ReadModel,
        event_log: EventLog,
        snapshots: SnapshotStores,
    ) -> None:
        self._ledger = ledger
        self._inventory = inventory
        self._read_model = read_model
        self._event_log = event_log
        self._snapshots = snapshots

    async def accept_batch(self, batch: BatchSpec) -> None:
        with as_activity_failure():
            async with heartbeat():
                await self._read_model.accept(batch)

    async def accept_task(self, task: TaskRecord) -> None:
        with as_activity_failure():
            async with heartbeat():
                await self._read_model.accept_task(task)

    async def write_report(self, report: Report) -> None:
        """Each part is idempotent, so a report that was half written is simply written again.

        What happened comes before how it looks, and events come last: whoever is told of a change and
        looks finds it. A snapshot storage that is away costs its patience and holds up nothing more: the
        snapshots then wait beside the read model, where they are found as well.
        """
        with as_activity_failure():
            async with heartbeat():
                await self._write(report)

    async def _write(self, report: Report) -> None:
        if report.effects:
            await self._ledger.append(report.effects)
            await self._inventory.catch_up()
            _count(report.effects)
        if snapshots := list(projections.snapshots(report)):
            storage = self._snapshots.get(report.storage_backend)
            await storage.save(report.owner, report.number, snapshots)
        await self._read_model.apply(report.tasks, report.batch)
        if events := list(projections.events(report)):
            await self._event_log.append(events)

    async def open_effects(self, task_id: str) -> list[Effect]:
        with as_activity_failure():
            async with heartbeat():
                return still_open(entry.effect for entry in await self._ledger.by_task(task_id))


def _count(effects: Iterable[Effect]) -> None:
    """For Prometheus, where this is done by a worker."""
    if not activity.in_activity():
        return
    counter = activity.metric_meter().create_counter("provisioning_effects", "Changes written to the ledger.")
    for kind, number in Counter(effect.kind for effect in effects).items():
        counter.add(number, {"kind": kind})
