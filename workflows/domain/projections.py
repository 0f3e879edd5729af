"""Events and snapshots, derived from the changes that a workflow reports.

Both follow from a change alone and get deterministic ids, so a report that is written twice leaves one of
each, and a snapshot that is asked of a running workflow is the same one that is stored later.
"""

from collections.abc import Iterator

from workflows.domain.events import Event, EventType
from workflows.domain.identity import record_id
from workflows.domain.progress import ProgressInfo
from workflows.domain.records import BatchUpdate, Report, StateSnapshot
from workflows.domain.resources import Params
from workflows.domain.task_updates import TaskUpdate


def events(report: Report) -> Iterator[Event]:
    for update in report.tasks:
        yield task_event(update)
    if report.batch is not None:
        yield from batch_events(report.batch)


def snapshots(report: Report) -> Iterator[StateSnapshot]:
    for update in report.tasks:
        yield task_snapshot(update)
    if report.batch is not None:
        yield batch_snapshot(report.batch)


def task_event(update: TaskUpdate) -> Event:
    return Event(
        id=record_id(update.id, "task", update.version),
        event_type=EventType.TASK_STATUS_CHANGED,
        timestamp=update.at,
        data=_without_none(
            task_id=update.id,
            name=update.name,
            status=update.status,
            previous_status=update.previous,
            progress=update.progress,
            step=update.step,
            error=update.error,
        ),
        metadata={
            "task_id": update.id,
            "workflow_type": update.workflow_type,
            **({"batch_id": update.batch_id} if update.batch_id else {}),
        },
    )


def batch_events(update: BatchUpdate) -> Iterator[Event]:
    metadata = {"batch_id": update.id, "workflow_type": "batch"}
    yield Event(
        id=record_id(update.id, "batch", update.version),
        event_type=EventType.BATCH_OPERATION_UPDATE,
        timestamp=update.at,
        data=_without_none(
            batch_id=update.id,
            status=update.status,
            phase=update.phase,
            operations={status.value: count for status, count in sorted(update.counts.items())},
            error=update.error,
        ),
        metadata=metadata,
    )
    yield Event(
        id=record_id(update.id, "progress", update.version),
        event_type=EventType.WORKFLOW_PROGRESS_UPDATE,
        timestamp=update.at,
        data=_progress(update.progress),
        metadata=metadata,
    )


def task_snapshot(update: TaskUpdate) -> StateSnapshot:
    return StateSnapshot(
        snapshot_id=record_id(update.id, "snapshot", update.version),
        workflow_id=update.id,
        sequence=update.version,
        timestamp=update.at,
        state=update.status,
        details=_without_none(
            step=update.step, progress=update.progress, output=update.output, error=update.error
        ),
    )


def batch_snapshot(update: BatchUpdate) -> StateSnapshot:
    return StateSnapshot(
        snapshot_id=record_id(update.id, "snapshot", update.version),
        workflow_id=update.id,
        sequence=update.version,
        timestamp=update.at,
        state=update.status,
        details=_without_none(
            phase=update.phase,
            operations={status.value: count for status, count in sorted(update.counts.items())},
            progress=update.progress.progress,
            current_step=update.progress.current_step,
            error=update.error,
            remaining=list(update.remaining) or None,
        ),
    )


def _progress(progress: ProgressInfo) -> Params:
    return _without_none(**progress.model_dump(mode="json"))


def _without_none(**fields: object) -> Params:
    return {name: value for name, value in fields.items() if value is not None}  # type: ignore[misc]
