"""What has to be found out before something can be done to clusters. The doing is that of their parts."""

from abc import abstractmethod

from temporalio import activity

from workflows.contracts.base import ActivityContract
from workflows.domain.actions import Action, Cause, CreateServer
from workflows.domain.operations import ClustersConfig, DeleteClustersConfig
from workflows.domain.resources import Frozen, Server

Stage = tuple[tuple[Action, ...], ...]
"""Chains of actions, beside each other."""


class ClusterWish(Frozen):
    """Clusters that something is to be done with."""

    cause: Cause
    provider: str
    config: ClustersConfig | DeleteClustersConfig
    made: tuple[Server, ...] = ()
    """The servers that were made for it, once they are there."""


class ClusterPlan(Frozen):
    """Either servers that have to be made first, or all that is to be done then."""

    servers: tuple[Server, ...] = ()
    """What there is and will be worked on."""
    creations: tuple[CreateServer, ...] = ()
    """Before anything else; where there are any, it is asked again with the servers that were made."""
    stages: tuple[Stage, ...] = ()
    """One after the other."""
    further: int = 0
    """How many actions there will be once the servers are there."""


class ClusterActivities(ActivityContract):
    @activity.defn(name="plan_clusters")
    @abstractmethod
    async def plan_clusters(self, wish: ClusterWish) -> ClusterPlan:
        """What to do, from what is wanted and what the inventory has.

        Fails with `NotFound` where there is no such cluster, and with `Conflict` where one stands that is not
        as wanted and the operation is not the one that changes it, or where a name is taken.
        """
