"""Tasks: every workflow execution that somebody may ask about."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response

from api.deps import CurrentUser, ServicesDep
from api.paging import PagingDep
from api.schemas.envelope import ApiResponse
from api.schemas.tasks import WorkflowTask
from workflows.domain.errors import NotFound
from workflows.domain.states import TaskStatus

router = APIRouter(tags=["Tasks"])

TaskId = Annotated[UUID, Path(alias="taskId")]


@router.get("/tasks")
async def list_tasks(
    services: ServicesDep, paging: PagingDep, response: Response, status: TaskStatus | None = None
) -> ApiResponse[list[WorkflowTask]]:
    page = await services.stores.read_model.tasks(status=status, limit=paging.limit, offset=paging.offset)
    paging.describe(page, response)
    return ApiResponse(data=[WorkflowTask.of(task) for task in page.items])


@router.get("/tasks/{taskId}")
async def get_task(services: ServicesDep, task_id: TaskId) -> ApiResponse[WorkflowTask]:
    task = await services.stores.read_model.task(str(task_id))
    if task is None:
        raise NotFound(f"there is no task {task_id}")
    return ApiResponse(data=WorkflowTask.of(task))


@router.post("/tasks/{taskId}/cancel")
async def cancel_task(services: ServicesDep, user: CurrentUser, task_id: TaskId) -> ApiResponse[str]:
    """For single tasks and rollbacks; an operation of a batch is cancelled with its batch."""
    await services.workflows.cancel(str(task_id), user)
    return ApiResponse(data="Task cancelled")
