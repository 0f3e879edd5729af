"""Installs, configures, restarts or removes task services on servers."""

from temporalio import workflow

from workflows.contracts.taskservs import TaskservActivities, TaskservWish
from workflows.domain.batches import OperationInput, OperationResult
from workflows.domain.locks import LockNews
from workflows.domain.operations import TaskservOperation, cause_of
from workflows.domain.progress import ProgressInfo
from workflows.domain.records import StateSnapshot
from workflows.operation import OperationRun, Plan
from workflows.policies import ActivityOptions


@workflow.defn
class TaskservsWorkflow:
    """A `taskserv_batch` operation."""

    @workflow.init
    def __init__(self, request: OperationInput) -> None:
        self._run = OperationRun(request)

    @workflow.run
    async def run(self, request: OperationInput) -> OperationResult:  # noqa: ARG002 - taken by __init__
        return await self._run.carry_out(plan)

    @workflow.signal
    def cancel(self, reason: str) -> None:
        self._run.cancel(reason)

    @workflow.signal
    def lock_news(self, news: LockNews) -> None:
        self._run.heard(news)

    @workflow.query
    def progress(self) -> ProgressInfo:
        return self._run.progress

    @workflow.query
    def snapshots(self) -> list[StateSnapshot]:
        return self._run.snapshots


async def plan(request: OperationInput, options: ActivityOptions) -> Plan:
    operation = request.operation
    if not isinstance(operation, TaskservOperation):
        raise TypeError(f"operation {operation.id} is a {operation.type}")
    wish = TaskservWish(
        cause=cause_of(request.task_id, request.batch_id, operation),
        provider=operation.provider,
        config=operation.config,
        made_by_dependencies=request.made_by_dependencies,
    )
    found = await workflow.execute_activity_method(
        TaskservActivities.plan_taskservs, wish, summary="find servers and order", **options
    )
    return Plan(servers=found.servers, chains=found.chains)
