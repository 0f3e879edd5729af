"""Events and snapshots follow from a report alone."""

from datetime import UTC, datetime

from workflows.domain import projections
from workflows.domain.events import EventType
from workflows.domain.progress import ProgressInfo
from workflows.domain.records import BatchUpdate, Report
from workflows.domain.states import BatchStatus, TaskStatus
from workflows.domain.task_updates import TaskUpdate

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def task_update(version: int = 1, **fields: object) -> TaskUpdate:
    known = {
        "id": "task-1",
        "version": version,
        "previous": TaskStatus.PENDING,
        "status": TaskStatus.RUNNING,
        "at": NOON,
        "name": "web",
        "workflow_type": "server_creation",
        "batch_id": "batch-1",
    }
    return TaskUpdate.model_validate({**known, **fields})


def batch_update(version: int = 4) -> BatchUpdate:
    return BatchUpdate(
        id="batch-1",
        version=version,
        status=BatchStatus.RUNNING,
        phase="rolling back",
        at=NOON,
        progress=ProgressInfo(
            workflow_id="batch-1", progress=50, current_step="x", total_steps=2, completed_steps=1
        ),
        counts={TaskStatus.RUNNING: 1, TaskStatus.COMPLETED: 1},
        remaining=("server created default/web",),
    )


def report(*tasks: TaskUpdate, batch: BatchUpdate | None = None) -> Report:
    return Report(owner="batch-1", number="1", tasks=tasks, batch=batch)


def test_a_change_of_a_task_is_one_event_and_one_snapshot() -> None:
    (event,) = projections.events(report(task_update(progress=40.0, step="unpacking")))
    assert event.event_type is EventType.TASK_STATUS_CHANGED
    assert event.timestamp == NOON
    assert event.data == {
        "task_id": "task-1",
        "name": "web",
        "status": "Running",
        "previous_status": "Pending",
        "progress": 40.0,
        "step": "unpacking",
    }
    assert event.metadata == {
        "task_id": "task-1",
        "workflow_type": "server_creation",
        "batch_id": "batch-1",
    }
    (snapshot,) = projections.snapshots(report(task_update(progress=40.0, step="unpacking")))
    assert (snapshot.workflow_id, snapshot.sequence, snapshot.state) == ("task-1", 1, "Running")
    assert snapshot.details == {"step": "unpacking", "progress": 40.0}


def test_a_single_task_names_no_batch() -> None:
    (event,) = projections.events(report(task_update(batch_id=None)))
    assert "batch_id" not in event.metadata


def test_a_change_of_a_batch_is_two_events_and_one_snapshot() -> None:
    changed, progress = projections.events(report(batch=batch_update()))
    assert changed.event_type is EventType.BATCH_OPERATION_UPDATE
    assert changed.data == {
        "batch_id": "batch-1",
        "status": "Running",
        "phase": "rolling back",
        "operations": {"Completed": 1, "Running": 1},
    }
    assert progress.event_type is EventType.WORKFLOW_PROGRESS_UPDATE
    assert progress.data["completed_steps"] == 1
    assert "estimated_time_remaining" not in progress.data
    (snapshot,) = projections.snapshots(report(batch=batch_update()))
    assert snapshot.details["remaining"] == ["server created default/web"]


def test_the_same_report_gives_the_same_ids_and_another_change_gives_others() -> None:
    once = report(task_update(1), task_update(2), task_update(1, id="task-2"), batch=batch_update())
    later = report(task_update(3), batch=batch_update(5))
    ids = [event.id for event in projections.events(once)]
    assert ids == [event.id for event in projections.events(once)]
    assert len(set(ids)) == len(ids) == 5
    assert not set(ids) & {event.id for event in projections.events(later)}
    names = [snapshot.snapshot_id for snapshot in projections.snapshots(once)]
    assert names == [snapshot.snapshot_id for snapshot in projections.snapshots(once)]
    assert len(set(names)) == 4


def test_everything_stands_in_the_order_in_which_it_was_reported() -> None:
    mixed = report(task_update(2), task_update(1, id="task-2"), batch=batch_update())
    assert [event.metadata.get("task_id") for event in projections.events(mixed)] == [
        "task-1",
        "task-2",
        None,
        None,
    ]
