"""Tasks, as the contract shows them."""

from datetime import datetime

from pydantic import BaseModel, Field

from api.schemas.envelope import absent
from workflows.domain.records import TaskRecord
from workflows.domain.states import TaskStatus


class WorkflowTask(BaseModel):
    """The contract's `WorkflowTask`, and in which batch it belongs."""

    id: str
    name: str
    command: str
    args: tuple[str, ...]
    dependencies: tuple[str, ...]
    status: TaskStatus
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    output: str | None
    error: str | None
    progress: float | None
    batch_id: str | None = Field(default=None, exclude_if=absent)
    operation_id: str | None = Field(default=None, exclude_if=absent)

    @classmethod
    def of(cls, task: TaskRecord) -> "WorkflowTask":
        return cls.model_validate(task, from_attributes=True)
