"""Batches: submitting, watching and cancelling them."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Response

from activities.ports import ReadModel
from api.body import json_body
from api.deps import CurrentUser, OnceDep, ServicesDep, TrailDep
from api.paging import PagingDep
from api.schemas.batch_operations import (
    BatchOperationRequest,
    BatchOperationResult,
    WorkflowExecutionState,
)
from api.schemas.envelope import ApiResponse
from workflows.domain.records import BatchRecord, TaskRecord
from workflows.domain.states import BatchStatus

router = APIRouter(tags=["Batch Operations"])

BatchBody = Annotated[BatchOperationRequest, Depends(json_body(BatchOperationRequest))]
BatchId = Annotated[UUID, Path(alias="batchId")]

MAX_LISTED_OPERATIONS = 10_000
"""A page of batches shows the operations of its first ones up to here; the rest have them singly."""


@router.post("/batch/execute")
async def execute(
    *,
    once: OnceDep,
    body: BatchBody,
    user: CurrentUser,
    services: ServicesDep,
    trail: TrailDep,
    check_mode: bool = False,
) -> ApiResponse[BatchOperationResult]:
    result = await services.batches.execute(body, user, once, check_mode=check_mode)
    trail.about("batch_id", result.batch_id)
    return ApiResponse(data=result)


@router.get("/batch/operations")
async def list_batches(
    services: ServicesDep, paging: PagingDep, response: Response, status: BatchStatus | None = None
) -> ApiResponse[list[WorkflowExecutionState]]:
    rows = services.stores.read_model
    page = await rows.batches(status=status, limit=paging.limit, offset=paging.offset)
    paging.describe(page, response)
    tasks = await _tasks_of_first(rows, page.items)
    return ApiResponse(data=[WorkflowExecutionState.of(batch, tasks.get(batch.id)) for batch in page.items])


@router.get("/batch/operations/{batchId}")
async def get_batch(services: ServicesDep, batch_id: BatchId) -> ApiResponse[WorkflowExecutionState]:
    batch = await services.watching.batch(str(batch_id))
    tasks = await services.stores.read_model.tasks_of([batch.id])
    return ApiResponse(data=WorkflowExecutionState.with_graph(batch, tasks))


@router.post("/batch/operations/{batchId}/cancel")
async def cancel_batch(services: ServicesDep, user: CurrentUser, batch_id: BatchId) -> ApiResponse[str]:
    await services.batches.cancel(str(batch_id), user)
    return ApiResponse(data="Operation cancelled")


async def _tasks_of_first(rows: ReadModel, batches: Sequence[BatchRecord]) -> dict[str, list[TaskRecord]]:
    room = MAX_LISTED_OPERATIONS
    chosen: list[str] = []
    for batch in batches:
        room -= len(batch.operation_ids)
        if room < 0:
            break
        chosen.append(batch.id)
    tasks: dict[str, list[TaskRecord]] = {batch_id: [] for batch_id in chosen}
    for task in await rows.tasks_of(chosen) if chosen else ():
        if task.batch_id is not None:
            tasks[task.batch_id].append(task)
    return tasks
