"""What check mode needs: a look at the world that touches nothing."""

from abc import abstractmethod

from temporalio import activity

from workflows.contracts.base import ActivityContract
from workflows.domain.actions import Cause
from workflows.domain.changes import Change, ChangePlan
from workflows.domain.operations import OperationSpec
from workflows.domain.resources import Frozen, Server


class Checked(Frozen):
    """An operation whose changes are to be found out."""

    cause: Cause
    operation: OperationSpec
    made_by_dependencies: tuple[Server, ...] = ()
    foreseen: tuple[Change, ...] = ()
    """What the operations before it would change."""


class ChangeActivities(ActivityContract):
    @activity.defn(name="plan_changes")
    @abstractmethod
    async def plan_changes(self, checked: Checked) -> ChangePlan:
        """What the operation would do if it ran now.

        Fails as the operation itself would: with `NotFound` where a server is missing, with `Conflict` where
        one is there with another plan, or where a task service is needed by others.
        """
