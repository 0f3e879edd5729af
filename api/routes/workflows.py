"""Single submissions: servers, a task service or a cluster of an infra."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from api.body import json_body
from api.deps import CurrentUser, OnceDep, ServicesDep, TrailDep
from api.schemas.envelope import ApiResponse
from api.schemas.workflows import ClusterWorkflow, CreateServerWorkflow, TaskservWorkflow

router = APIRouter(tags=["Workflows"])

ServersBody = Annotated[CreateServerWorkflow, Depends(json_body(CreateServerWorkflow))]
TaskservBody = Annotated[TaskservWorkflow, Depends(json_body(TaskservWorkflow))]
ClusterBody = Annotated[ClusterWorkflow, Depends(json_body(ClusterWorkflow))]


@router.post("/workflows/servers/create")
async def create_servers(
    *,
    once: OnceDep,
    body: ServersBody,
    user: CurrentUser,
    services: ServicesDep,
    request: Request,
    trail: TrailDep,
) -> ApiResponse[UUID]:
    task_id = await services.workflows.submit(body, user, once, request.is_disconnected)
    return ApiResponse(data=trail.about("task_id", task_id))


@router.post("/workflows/taskserv/create")
async def create_taskserv(
    *,
    once: OnceDep,
    body: TaskservBody,
    user: CurrentUser,
    services: ServicesDep,
    request: Request,
    trail: TrailDep,
) -> ApiResponse[UUID]:
    task_id = await services.workflows.submit(body, user, once, request.is_disconnected)
    return ApiResponse(data=trail.about("task_id", task_id))


@router.post("/workflows/cluster/create")
async def create_cluster(
    *,
    once: OnceDep,
    body: ClusterBody,
    user: CurrentUser,
    services: ServicesDep,
    request: Request,
    trail: TrailDep,
) -> ApiResponse[UUID]:
    task_id = await services.workflows.submit(body, user, once, request.is_disconnected)
    return ApiResponse(data=trail.about("task_id", task_id))
