"""Finds out what is to be done with clusters."""

from activities.catalogue.cluster_types import ClusterCatalogue
from activities.cluster_planning import cluster_plan, must_be_possible
from activities.failures import as_activity_failure
from activities.heartbeat import heartbeat
from activities.ledger_ports import ServerLookup
from workflows.contracts.clusters import ClusterActivities, ClusterPlan, ClusterWish


class Clusters(ClusterActivities):
    def __init__(self, catalogue: ClusterCatalogue, inventory: ServerLookup) -> None:
        self._catalogue = catalogue
        self._inventory = inventory

    async def plan_clusters(self, wish: ClusterWish) -> ClusterPlan:
        with as_activity_failure():
            async with heartbeat():
                must_be_possible(wish, self._catalogue)
                return await cluster_plan(wish, self._inventory, self._catalogue)
