"""Creates, scales, upgrades or deletes clusters, by the actions on their servers and task services."""

from collections.abc import Mapping

from temporalio import workflow

from workflows.contracts.clusters import ClusterActivities, ClusterPlan, ClusterWish, Stage
from workflows.domain.batches import OperationInput, OperationResult
from workflows.domain.locks import LockNews
from workflows.domain.operations import ClusterOperation, cause_of
from workflows.domain.progress import ProgressInfo
from workflows.domain.records import StateSnapshot
from workflows.domain.resources import Server
from workflows.operation import OperationRun, Plan
from workflows.policies import ActivityOptions


@workflow.defn
class ClustersWorkflow:
    """A `cluster_batch` operation."""

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
    if not isinstance(operation, ClusterOperation):
        raise TypeError(f"operation {operation.id} is a {operation.type}")
    wish = ClusterWish(
        cause=cause_of(request.task_id, request.batch_id, operation),
        provider=operation.provider,
        config=operation.config,
    )
    found = await _ask(wish, "find out what to do", options)
    if not found.creations:
        return _staged(found.servers, found.stages)

    async def then(servers: Mapping[str, Server], options: ActivityOptions) -> Plan:
        made = tuple(servers[creation.spec.key] for creation in found.creations)
        again = await _ask(wish.model_copy(update={"made": made}), "find out the members' parts", options)
        return _staged(again.servers, again.stages)

    return Plan(found.servers, tuple((one,) for one in found.creations), then, found.further)


def _staged(servers: tuple[Server, ...], stages: tuple[Stage, ...]) -> Plan:
    if not stages:
        return Plan(servers)
    first, *others = stages
    if not others:
        return Plan(servers, first)

    async def then(_: Mapping[str, Server], __: ActivityOptions) -> Plan:
        return _staged(servers, tuple(others))

    return Plan(servers, first, then, sum(len(chain) for stage in others for chain in stage))


async def _ask(wish: ClusterWish, summary: str, options: ActivityOptions) -> ClusterPlan:
    return await workflow.execute_activity_method(
        ClusterActivities.plan_clusters, wish, summary=summary, **options
    )
