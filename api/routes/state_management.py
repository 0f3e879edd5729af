"""How a workflow stands and how it got there, and how the whole system stands."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path

from api.deps import ServicesDep
from api.schemas.envelope import ApiResponse
from api.schemas.state_management import ProgressInfo, StateSnapshot, SystemHealthStatus, SystemMetrics

router = APIRouter(tags=["State Management"])

WorkflowId = Annotated[UUID, Path(alias="workflowId")]


@router.get("/state/workflows/{workflowId}/progress")
async def get_progress(services: ServicesDep, workflow_id: WorkflowId) -> ApiResponse[ProgressInfo]:
    progress = await services.watching.progress(str(workflow_id))
    return ApiResponse(data=ProgressInfo.model_validate(progress, from_attributes=True))


@router.get("/state/workflows/{workflowId}/snapshots")
async def get_snapshots(services: ServicesDep, workflow_id: WorkflowId) -> ApiResponse[list[StateSnapshot]]:
    snapshots = await services.watching.snapshots(str(workflow_id))
    return ApiResponse(data=[StateSnapshot.model_validate(s, from_attributes=True) for s in snapshots])


@router.get("/state/system/metrics")
async def get_metrics(services: ServicesDep) -> ApiResponse[SystemMetrics]:
    return ApiResponse(data=SystemMetrics.of(await services.monitoring.metrics.now()))


@router.get("/state/system/health")
async def get_system_health(services: ServicesDep) -> ApiResponse[SystemHealthStatus]:
    """How each component stands, found out about a second ago at most."""
    return ApiResponse(data=SystemHealthStatus.of(await services.monitoring.monitor.health()))
