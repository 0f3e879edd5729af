"""Creates or deletes servers."""

from temporalio import workflow

from workflows.contracts.servers import ServerActivities, ServerDeletion
from workflows.domain.actions import CreateServer
from workflows.domain.batches import OperationInput, OperationResult
from workflows.domain.locks import LockNews
from workflows.domain.operations import CreateServersConfig, ServerOperation, cause_of
from workflows.domain.progress import ProgressInfo
from workflows.domain.records import StateSnapshot
from workflows.operation import OperationRun, Plan
from workflows.policies import ActivityOptions


@workflow.defn
class ServersWorkflow:
    """A `server_batch` operation."""

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
    if not isinstance(operation, ServerOperation):
        raise TypeError(f"operation {operation.id} is a {operation.type}")
    cause = cause_of(request.task_id, request.batch_id, operation)
    config = operation.config
    if isinstance(config, CreateServersConfig):
        specs = config.specs(operation.provider)
        return Plan(chains=tuple((CreateServer(cause=cause, spec=spec),) for spec in specs))
    wanted = ServerDeletion(
        cause=cause, provider=operation.provider, config=config, known=request.made_by_dependencies
    )
    deletions = await workflow.execute_activity_method(
        ServerActivities.plan_server_deletion, wanted, summary="find the servers", **options
    )
    return Plan(chains=tuple((deletion,) for deletion in deletions))
