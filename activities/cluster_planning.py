"""What has to be done so that clusters are as they are wanted: actions, from settings and inventory alone."""

from collections.abc import Sequence
from itertools import zip_longest

from activities.catalogue.cluster_types import ClusterCatalogue
from activities.cluster_growth import Chain, Growth, members_of
from activities.ledger_ports import InventoryItem, ServerLookup
from workflows.contracts.clusters import ClusterPlan, ClusterWish, Stage
from workflows.domain.actions import DeleteServer, RecordCluster
from workflows.domain.errors import Conflict, InvalidRequest, NotFound
from workflows.domain.operations import ClusterToDelete, DeleteClustersConfig
from workflows.domain.resources import Cluster


async def cluster_plan(
    wish: ClusterWish, inventory: ServerLookup, catalogue: ClusterCatalogue
) -> ClusterPlan:
    """All that is to be done with the clusters, beside each other where they are several.

    Raises:
        NotFound: there is no such cluster.
        Conflict: one is not as wanted and this does not change it, or a name is taken.
        InvalidRequest: one cannot be as it is wanted.
    """
    infra, config = wish.config.infra, wish.config
    await inventory.catch_up()
    records = {cluster.name: cluster for cluster in await inventory.clusters(infra)}
    items = {item.server.spec.name: item for item in await inventory.servers(infra)}
    if isinstance(config, DeleteClustersConfig):
        wanted = {one.name: one for one in config.clusters}
        deletions = [
            _deletion(wish, one, records.get(name), members_of(name, items)) for name, one in wanted.items()
        ]
        if not any(deletions):
            raise NotFound(f"infra {infra} has no cluster {', '.join(wanted)}")
        return ClusterPlan(stages=_beside(deletions))
    found = [
        Growth(wish, one, records.get(one.name), items, catalogue).plan(config.operation)
        for one in config.clusters
    ]
    if creations := tuple(creation for plan in found for creation in plan.creations):
        return ClusterPlan(
            servers=tuple(server for plan in found for server in plan.servers),
            creations=creations,
            further=sum(plan.further for plan in found),
        )
    return ClusterPlan(
        servers=tuple(server for plan in found for server in plan.servers),
        stages=_beside([plan.stages for plan in found]),
    )


def _deletion(
    wish: ClusterWish, wanted: ClusterToDelete, record: Cluster | None, members: Sequence[InventoryItem]
) -> tuple[Stage, ...]:
    """The first member, with which the cluster ends, goes last."""
    cause = wish.cause
    if record is not None and wanted.cluster_type not in (None, record.cluster_type):
        raise Conflict(f"cluster {record.key} is a {record.cluster_type}, not a {wanted.cluster_type}")
    chains = [(DeleteServer(cause=cause, server=item.server, taskservs=item.taskservs),) for item in members]
    end: Chain = (RecordCluster(cause=cause, before=record, after=None),) if record is not None else ()
    if chains:
        first, *others = chains
        return tuple(stage for stage in (tuple(reversed(others)), ((*end, *first),)) if stage)
    return ((end,),) if end else ()


def _beside(plans: Sequence[tuple[Stage, ...]]) -> tuple[Stage, ...]:
    return tuple(
        tuple(chain for stage in stages for chain in stage) for stages in zip_longest(*plans, fillvalue=())
    )


def refuse_members(names: Sequence[str], infra: str, clusters: Sequence[Cluster]) -> None:
    """Raises Conflict where servers are members of a cluster, which would be left without them."""
    for cluster in clusters:
        if members := [name for name in names if name in cluster.members]:
            raise Conflict(
                f"members of cluster {infra}/{cluster.name} are not deleted by themselves: "
                f"{', '.join(members)}; scale it, or delete it"
            )


def must_be_possible(wish: ClusterWish, catalogue: ClusterCatalogue) -> None:
    """Raises InvalidRequest for clusters that cannot be as they are wanted, whoever let them in."""
    if isinstance(wish.config, DeleteClustersConfig):
        return
    for one in wish.config.clusters:
        try:
            catalogue.check(one, one.provider or wish.provider)
        except InvalidRequest as error:
            raise InvalidRequest(f"cluster {one.name}: {error.message}") from None
