"""Progress and snapshots of workflows; metrics and health of the system."""

from datetime import datetime

from pydantic import BaseModel, Field, JsonValue

from api.monitoring import metrics
from api.monitoring.health import Status, SystemHealth
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


class MachineLoad(BaseModel):
    """Percent, MB, percent."""

    cpu_usage: float = Field(ge=0, le=100)
    memory_usage: int = Field(ge=0)
    disk_usage: float | None = Field(default=None, ge=0, le=100, exclude_if=absent)


class SystemMetrics(BaseModel):
    """Batches and tasks, and the load of the machine that answers."""

    total_workflows: int = Field(ge=0)
    active_workflows: int = Field(ge=0)
    completed_workflows: int = Field(ge=0)
    failed_workflows: int = Field(ge=0)
    system_load: MachineLoad

    @classmethod
    def of(cls, found: metrics.SystemMetrics) -> "SystemMetrics":
        workflows = found.workflows
        return cls(
            total_workflows=workflows.total,
            active_workflows=workflows.active,
            completed_workflows=workflows.completed,
            failed_workflows=workflows.failed,
            system_load=MachineLoad.model_validate(found.load, from_attributes=True),
        )


class SystemHealthStatus(BaseModel):
    overall_status: Status
    components: dict[str, str]
    last_check: datetime

    @classmethod
    def of(cls, health: SystemHealth) -> "SystemHealthStatus":
        return cls(
            overall_status=health.overall,
            components={name: finding.text for name, finding in health.findings.items()},
            last_check=health.at,
        )
