"""Check mode: what an operation would change, from the activity that looks."""

from temporalio import workflow

from workflows.contracts.changes import ChangeActivities, Checked
from workflows.domain.batches import OperationInput
from workflows.domain.changes import ChangePlan
from workflows.domain.operations import cause_of
from workflows.policies import ActivityOptions


async def changes_of(request: OperationInput, options: ActivityOptions) -> ChangePlan:
    """The operation's plan, after what the ones before it would have changed.

    Raises:
        ActivityError: the operation itself would fail, or it could not be found out.
    """
    operation = request.operation
    checked = Checked(
        cause=cause_of(request.task_id, request.batch_id, operation),
        operation=operation,
        made_by_dependencies=request.made_by_dependencies,
        foreseen=request.foreseen,
    )
    return await workflow.execute_activity_method(
        ChangeActivities.plan_changes, checked, summary="find out what would change", **options
    )
