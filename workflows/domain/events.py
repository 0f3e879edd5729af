"""Events: what clients follow live. Names and shapes are the contract's `WebSocketEvent`."""

from datetime import datetime
from enum import StrEnum

from workflows.domain.resources import Frozen, Params


class EventType(StrEnum):
    TASK_STATUS_CHANGED = "TaskStatusChanged"
    WORKFLOW_PROGRESS_UPDATE = "WorkflowProgressUpdate"
    SYSTEM_HEALTH_UPDATE = "SystemHealthUpdate"
    BATCH_OPERATION_UPDATE = "BatchOperationUpdate"
    LOG_ENTRY = "LogEntry"
    METRIC_UPDATE = "MetricUpdate"


class Event(Frozen):
    """One entry of the event log. `id` is deterministic, so that writing it twice leaves one."""

    id: str
    event_type: EventType
    timestamp: datetime
    data: Params
    metadata: dict[str, str] = {}
