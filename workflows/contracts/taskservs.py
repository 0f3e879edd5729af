"""What can be done to task services."""

from abc import abstractmethod

from temporalio import activity

from workflows.contracts.base import ActivityContract
from workflows.domain.actions import (
    Cause,
    ConfigureTaskserv,
    InstallTaskserv,
    RemoveTaskserv,
    RestartTaskserv,
)
from workflows.domain.effects import ActionResult
from workflows.domain.operations import TaskservsConfig
from workflows.domain.resources import Frozen, Server

TaskservAction = InstallTaskserv | ConfigureTaskserv | RestartTaskserv | RemoveTaskserv


class TaskservWish(Frozen):
    """Task services that something is to be done with on some servers."""

    cause: Cause
    provider: str
    config: TaskservsConfig
    made_by_dependencies: tuple[Server, ...] = ()


class TaskservPlan(Frozen):
    """One chain of actions a server: within a chain in order, the chains beside each other."""

    servers: tuple[Server, ...]
    chains: tuple[tuple[TaskservAction, ...], ...]


class TaskservActivities(ActivityContract):
    @activity.defn(name="plan_taskservs")
    @abstractmethod
    async def plan_taskservs(self, wish: TaskservWish) -> TaskservPlan:
        """Which servers, and what to do on each, dependencies of a task service first.

        Looks into the inventory only where the wish names servers that no dependency made, or where no
        dependency made any. Fails with `NotFound` where no server is left to work on.
        """

    @activity.defn(name="install_taskserv")
    @abstractmethod
    async def install_taskserv(self, action: InstallTaskserv) -> ActionResult:
        """The task service up and answering its health check; no effect where it already was, as wanted."""

    @activity.defn(name="configure_taskserv")
    @abstractmethod
    async def configure_taskserv(self, action: ConfigureTaskserv) -> ActionResult:
        """The task service up with the parameters changed; no effect where they already were so.

        Fails with `NotFound` where it was not installed before this action's first attempt.
        """

    @activity.defn(name="restart_taskserv")
    @abstractmethod
    async def restart_taskserv(self, action: RestartTaskserv) -> ActionResult:
        """The task service started anew, once, and answering its health check.

        Fails with `NotFound` where it was not installed before this action's first attempt.
        """

    @activity.defn(name="remove_taskserv")
    @abstractmethod
    async def remove_taskserv(self, action: RemoveTaskserv) -> ActionResult:
        """The task service gone; no effect where it was not there before this action's first attempt."""

    @activity.defn(name="abandon_install")
    @abstractmethod
    async def abandon_install(self, action: InstallTaskserv) -> None:
        """Brings back what was there before an attempt at `action` that gave no result."""

    @activity.defn(name="abandon_configuration")
    @abstractmethod
    async def abandon_configuration(self, action: ConfigureTaskserv) -> None:
        """Brings back what was there before an attempt at `action` that gave no result."""

    @activity.defn(name="abandon_restart")
    @abstractmethod
    async def abandon_restart(self, action: RestartTaskserv) -> None:
        """Ends an attempt at `action` that gave no result; the task service runs and answers as before it."""

    @activity.defn(name="abandon_removal")
    @abstractmethod
    async def abandon_removal(self, action: RemoveTaskserv) -> None:
        """Brings back what was there before an attempt at `action` that gave no result."""
