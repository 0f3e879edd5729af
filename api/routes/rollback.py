"""Checkpoints, and going back."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from api.body import json_body
from api.deps import CurrentUser, OnceDep, ServicesDep, TrailDep
from api.paging import PagingDep
from api.schemas.envelope import ApiResponse
from api.schemas.rollback import Checkpoint, CreateCheckpointRequest, RollbackRequest, RollbackResult

router = APIRouter(tags=["Rollback"])

CheckpointBody = Annotated[CreateCheckpointRequest, Depends(json_body(CreateCheckpointRequest))]
RollbackBody = Annotated[RollbackRequest, Depends(json_body(RollbackRequest))]


@router.post("/rollback/checkpoints")
async def create_checkpoint(
    once: OnceDep, body: CheckpointBody, user: CurrentUser, services: ServicesDep, trail: TrailDep
) -> ApiResponse[UUID]:
    return ApiResponse(data=trail.about("checkpoint_id", await services.checkpoints.create(body, user, once)))


@router.get("/rollback/checkpoints")
async def list_checkpoints(
    services: ServicesDep, paging: PagingDep, response: Response
) -> ApiResponse[list[Checkpoint]]:
    """Newest first."""
    page = await services.stores.checkpoints.page(limit=paging.limit, offset=paging.offset)
    paging.describe(page, response)
    return ApiResponse(data=[Checkpoint.of(checkpoint) for checkpoint in page.items])


@router.post("/rollback/execute")
async def execute_rollback(
    *,
    once: OnceDep,
    body: RollbackBody,
    user: CurrentUser,
    services: ServicesDep,
    request: Request,
    trail: TrailDep,
    dry_run: bool = False,
) -> ApiResponse[RollbackResult]:
    """Answers when it has ended; it goes on if the client leaves."""
    if body.is_full:
        trail.about("checkpoint_id", body.checkpoint_id)
    if dry_run:
        return ApiResponse(data=await services.rollbacks.preview(body))
    result = await services.rollbacks.execute(body, user, once, request.is_disconnected)
    trail.about("rollback_id", result.rollback_id)
    return ApiResponse(data=result)
