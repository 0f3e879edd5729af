"""What can be done to servers."""

from abc import abstractmethod

from temporalio import activity

from workflows.contracts.base import ActivityContract
from workflows.domain.actions import Cause, CreateServer, DeleteServer
from workflows.domain.effects import ActionResult
from workflows.domain.operations import DeleteServersConfig
from workflows.domain.resources import Frozen, Server


class ServerDeletion(Frozen):
    """Servers to find in the inventory, with what stands on them."""

    cause: Cause
    provider: str
    config: DeleteServersConfig
    known: tuple[Server, ...] = ()
    """Servers that this batch made and that the inventory may not have yet."""


class ServerActivities(ActivityContract):
    @activity.defn(name="plan_server_deletion")
    @abstractmethod
    async def plan_server_deletion(self, wanted: ServerDeletion) -> list[DeleteServer]:
        """What has to be done. Fails with `NotFound` where the inventory has no such server."""

    @activity.defn(name="create_server")
    @abstractmethod
    async def create_server(self, action: CreateServer) -> ActionResult:
        """One server, however often it is called. No effect where another task made the same one before."""

    @activity.defn(name="delete_server")
    @abstractmethod
    async def delete_server(self, action: DeleteServer) -> ActionResult:
        """The server gone, however often it is called. Fails with `Conflict` where it is another one now."""

    @activity.defn(name="abandon_server")
    @abstractmethod
    async def abandon_server(self, action: CreateServer) -> None:
        """Removes what an attempt at `action` that gave no result may have left. Touches nothing else."""

    @activity.defn(name="abandon_deletion")
    @abstractmethod
    async def abandon_deletion(self, action: DeleteServer) -> ActionResult:
        """Leaves no half of a server after attempts at `action` that gave no result.

        Where the provider can, it stays as it was, without an effect; else it is gone, as by `delete_server`.
        """
