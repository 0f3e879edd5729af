"""The composition of the worker's activities: every contract on its real adapters."""

from collections.abc import Sequence

from temporalio.client import Client

from activities.catalogue.cluster_types import ClusterCatalogue
from activities.change_planning import ChangePlanning
from activities.clusters import Clusters
from activities.executions import Executions
from activities.locks import Locks
from activities.mongo.stores import Stores
from activities.providers.registry import ProviderRegistry
from activities.records import Records
from activities.remote.door import SshDoor
from activities.remote.jobs import RemoteJobs
from activities.remote.taskserv_jobs import SshTaskservHost
from activities.rollbacks import Rollbacks
from activities.servers import Servers
from activities.taskservs import Taskservs
from workflows.contracts.base import ActivityContract


def assemble(
    client: Client, stores: Stores, providers: ProviderRegistry, clusters: ClusterCatalogue, door: SshDoor
) -> Sequence[ActivityContract]:
    """Everything that the workflows may ask for."""
    host, catalogue = SshTaskservHost(door, RemoteJobs(door)), clusters.services
    return [
        Servers(providers, stores.inventory),
        Taskservs(catalogue, host, stores.inventory, stores.logs, providers),
        Clusters(clusters, stores.inventory),
        ChangePlanning(clusters, host, stores.inventory, providers),
        records_of(stores),
        Rollbacks(stores.rollbacks, stores.ledger, stores.inventory),
        Executions(client),
        Locks(client),
    ]


def records_of(stores: Stores) -> Records:
    return Records(stores.ledger, stores.inventory, stores.read_model, stores.event_log, stores.snapshots)
