"""How a workflow stands: from itself while it runs, from what it wrote down once it has ended."""

import contextlib
from collections.abc import Sequence

from activities.ports import ReadModel, SnapshotStores
from api.orchestrator import Orchestrator
from workflows.domain.batches import StorageBackend
from workflows.domain.errors import NotFound, Unavailable
from workflows.domain.progress import ProgressInfo
from workflows.domain.records import BatchRecord, StateSnapshot, TaskRecord
from workflows.domain.states import TaskStatus

Row = TaskRecord | BatchRecord


class Watching:
    """Answers for tasks and batches alike: both are workflows under their own id."""

    def __init__(self, rows: ReadModel, snapshots: SnapshotStores, orchestrator: Orchestrator) -> None:
        self._rows = rows
        self._snapshots = snapshots
        self._orchestrator = orchestrator

    async def progress(self, workflow_id: str) -> ProgressInfo:
        """Raises:
        NotFound: there is no such task or batch.
        Unavailable: it runs and cannot be asked now.
        """
        row = await self._row(workflow_id)
        if _is_live(row):
            try:
                return await self._orchestrator.progress(workflow_id)
            except NotFound:
                # It has ended, or was not started, since the row was read.
                row = await self._row(workflow_id)
        return _written_progress(row)

    async def snapshots(self, workflow_id: str) -> Sequence[StateSnapshot]:
        """All snapshots so far, oldest first. Raises as `progress` does."""
        row = await self._row(workflow_id)
        # Whoever hands on is asked before the one who takes: what is on its way is then in both.
        tail = await self._tail(row) if _is_live(row) else []
        storage = self._snapshots.get(await self._storage_backend(row))
        stored = await storage.load(_owner(row), workflow_id)
        by_sequence = {snapshot.sequence: snapshot for snapshot in (*tail, *stored)}
        return [by_sequence[sequence] for sequence in sorted(by_sequence)]

    async def _tail(self, row: Row) -> list[StateSnapshot]:
        """What the workflow, and then the batch that it is a part of, has not handed to the storage yet."""
        tail: list[StateSnapshot] = []
        with contextlib.suppress(NotFound):
            tail += await self._orchestrator.snapshots(row.id)
        if isinstance(row, TaskRecord) and row.batch_id is not None:
            with contextlib.suppress(NotFound):
                tail += await self._orchestrator.snapshots_of_task(row.batch_id, row.id)
        return tail

    async def batch(self, batch_id: str) -> BatchRecord:
        """Raises:
        NotFound: there is no such batch.
        Unavailable: it runs, and has not been written down yet.
        """
        row = await self._rows.batch(batch_id)
        if row is None:
            if await self._orchestrator.is_running(batch_id):
                raise Unavailable(f"batch {batch_id} was started and is not written down yet")
            raise NotFound(f"there is no batch {batch_id}")
        return row

    async def _storage_backend(self, row: Row) -> StorageBackend:
        if isinstance(row, BatchRecord):
            return row.storage_backend
        if row.batch_id is None:
            return "filesystem"
        return (await self.batch(row.batch_id)).storage_backend

    async def _row(self, workflow_id: str) -> Row:
        row = await self._rows.task(workflow_id) or await self._rows.batch(workflow_id)
        if row is None:
            raise NotFound(f"there is no workflow {workflow_id}")
        return row


def _is_live(row: Row) -> bool:
    """Whether there is a workflow to ask: a pending task has none yet."""
    return not row.status.is_terminal and row.status is not TaskStatus.PENDING


def _owner(row: Row) -> str:
    return row.batch_id or row.id if isinstance(row, TaskRecord) else row.id


def _written_progress(row: Row) -> ProgressInfo:
    if isinstance(row, BatchRecord):
        return row.progress or _unstarted(row.id, max(1, len(row.operation_ids)))
    if row.status is TaskStatus.PENDING:
        return _unstarted(row.id, 1)
    completed = row.status is TaskStatus.COMPLETED
    return ProgressInfo(
        workflow_id=row.id,
        progress=100.0 if completed else row.progress or 0.0,
        current_step=row.status.value,
        total_steps=1,
        completed_steps=int(completed),
        estimated_time_remaining=0 if row.status.is_terminal else None,
    )


def _unstarted(workflow_id: str, steps: int) -> ProgressInfo:
    return ProgressInfo(
        workflow_id=workflow_id,
        progress=0.0,
        current_step=TaskStatus.PENDING.value,
        total_steps=steps,
        completed_steps=0,
    )
