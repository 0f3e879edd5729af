"""Progress and snapshots of workflows."""

from datetime import datetime

from pydantic import BaseModel, Field, JsonValue

from api.schemas.envelope import absent


class ProgressInfo(BaseModel):
    """Progress in percent; the time that is left in seconds, where it can be told."""

    workflow_id: str
    progress: float
    current_step: str
    total_steps: int
    completed_steps: int
    estimated_time_remaining: int | None = Field(default=None, exclude_if=absent)


class StateSnapshot(BaseModel):
    snapshot_id: str
    timestamp: datetime
    state: str
    details: dict[str, JsonValue]
