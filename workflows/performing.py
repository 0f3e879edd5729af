"""From an action to the activity that carries it out, and to the one that clears up after it."""

from typing import Unpack, assert_never

from temporalio import workflow

from workflows.contracts.servers import ServerActivities
from workflows.contracts.taskservs import TaskservActivities
from workflows.domain.actions import (
    Action,
    ConfigureTaskserv,
    CreateServer,
    DeleteServer,
    InstallTaskserv,
    RecordCluster,
    RemoveTaskserv,
    RestartTaskserv,
)
from workflows.domain.effects import ActionResult, recorded
from workflows.policies import UNDO, ActivityOptions

_CALL_OFF = "deletions-are-called-off"


async def perform(  # noqa: PLR0911 - one for each kind of action
    action: Action, **options: Unpack[ActivityOptions]
) -> ActionResult:
    """Carries `action` out.

    Raises:
        ActivityError: when it failed for good, or was cancelled.
    """
    if isinstance(action, RecordCluster):
        return recorded(action, workflow.now())
    summary = action.summary
    match action:
        case CreateServer():
            return await workflow.execute_activity_method(
                ServerActivities.create_server, action, summary=summary, **options
            )
        case DeleteServer():
            return await workflow.execute_activity_method(
                ServerActivities.delete_server, action, summary=summary, **options
            )
        case InstallTaskserv():
            return await workflow.execute_activity_method(
                TaskservActivities.install_taskserv, action, summary=summary, **options
            )
        case ConfigureTaskserv():
            return await workflow.execute_activity_method(
                TaskservActivities.configure_taskserv, action, summary=summary, **options
            )
        case RestartTaskserv():
            return await workflow.execute_activity_method(
                TaskservActivities.restart_taskserv, action, summary=summary, **options
            )
        case RemoveTaskserv():
            return await workflow.execute_activity_method(
                TaskservActivities.remove_taskserv, action, summary=summary, **options
            )
        case _:
            assert_never(action)


async def settle(action: Action) -> ActionResult | None:
    """Clears up after an attempt at `action` that gave no result, so that nothing half done is left.

    A deletion that cannot be called off any more is finished, and its effects are returned.

    Raises:
        ActivityError: when even that failed for good.
    """
    summary = f"clear up: {action.summary}"
    match action:
        case CreateServer():
            await workflow.execute_activity_method(
                ServerActivities.abandon_server, action, summary=summary, **UNDO
            )
        case InstallTaskserv():
            await workflow.execute_activity_method(
                TaskservActivities.abandon_install, action, summary=summary, **UNDO
            )
        case ConfigureTaskserv():
            await workflow.execute_activity_method(
                TaskservActivities.abandon_configuration, action, summary=summary, **UNDO
            )
        case RestartTaskserv():
            await workflow.execute_activity_method(
                TaskservActivities.abandon_restart, action, summary=summary, **UNDO
            )
        case RemoveTaskserv():
            await workflow.execute_activity_method(
                TaskservActivities.abandon_removal, action, summary=summary, **UNDO
            )
        case DeleteServer():
            if not workflow.patched(_CALL_OFF):
                return await perform(action, **UNDO)
            return await workflow.execute_activity_method(
                ServerActivities.abandon_deletion, action, summary=summary, **UNDO
            )
        case RecordCluster():
            pass
        case _:
            assert_never(action)
    return None
