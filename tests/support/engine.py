"""The engine without infrastructure: real Temporal and MongoDB; servers and task services in memory."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr
from temporalio.client import Client, WorkflowHandle

from activities.catalogue.catalogue import Catalogue
from activities.catalogue.cluster_types import ClusterCatalogue
from activities.clusters import Clusters
from activities.executions import Executions
from activities.locks import Locks
from activities.mongo.stores import Stores, open_stores
from activities.providers.registry import ProviderRegistry
from activities.records import Records
from activities.rollbacks import Rollbacks
from activities.servers import Servers
from activities.settings import Settings
from tests.support.memory_provider import MemoryProvider
from tests.support.memory_taskservs import MemoryTaskservs
from tests.support.mongodb import EmbeddedMongo
from tests.support.supervised import supervised
from worker import create_worker
from workflows.batch import BatchWorkflow
from workflows.batch_state import BatchInput
from workflows.contracts.base import ActivityContract
from workflows.domain.batches import BatchResult, BatchSpec
from workflows.domain.records import TaskRecord
from workflows.search import of_batch

Handle = WorkflowHandle[BatchWorkflow, BatchResult]


@dataclass(frozen=True)
class Engine:
    client: Client
    stores: Stores
    provider: MemoryProvider
    taskservs: MemoryTaskservs
    task_queue: str
    records: Records

    async def start(self, batch: BatchSpec) -> Handle:
        return await self.client.start_workflow(
            BatchWorkflow.run,
            BatchInput(batch=batch),
            id=batch.batch_id,
            task_queue=self.task_queue,
            search_attributes=of_batch(batch),
        )

    async def run(self, batch: BatchSpec) -> BatchResult:
        return await (await self.start(batch)).result()

    async def run_all(self, batches: Sequence[BatchSpec]) -> list[BatchResult]:
        return await asyncio.gather(*(self.run(batch) for batch in batches))

    async def tasks(self, batch: BatchSpec) -> dict[str, TaskRecord]:
        """The batch's tasks in the read model, by operation."""
        records = await self.stores.read_model.tasks_of([batch.batch_id])
        return {record.name: record for record in records}

    async def history_events(self, batch: BatchSpec) -> int:
        """Events of the batch's last run."""
        return (await self.client.get_workflow_handle(batch.batch_id).describe()).history_length


@contextlib.asynccontextmanager
async def running_engine(
    client: Client,
    mongodb_uri: str,
    folder: Path,
    *,
    name: str,
    strict: bool,
    records: type[Records] = Records,
    provider: MemoryProvider | None = None,
) -> AsyncIterator[Engine]:
    """A worker on real databases. `provider` is one that has servers already."""
    settings = Settings(
        state_dir=folder, mongodb_uri=SecretStr(mongodb_uri), mongodb_database=name, task_queue=name
    )
    stores = open_stores(settings)
    provider = provider or MemoryProvider()
    taskservs = MemoryTaskservs(stores.inventory)
    written = records(stores.ledger, stores.inventory, stores.read_model, stores.event_log, stores.snapshots)
    contracts: list[ActivityContract] = [
        Servers(ProviderRegistry([provider]), stores.inventory),
        written,
        Executions(client),
        Locks(client),
        Rollbacks(stores.rollbacks, stores.ledger, stores.inventory),
        taskservs,
        Clusters(ClusterCatalogue.load(Catalogue.load()), stores.inventory),
    ]
    try:
        async with supervised(lambda: create_worker(client, name, contracts, strict=strict)):
            yield Engine(client, stores, provider, taskservs, name, written)
    finally:
        await stores.close()


@pytest.fixture(scope="session")
async def engine(
    temporal: Client, mongodb: EmbeddedMongo, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Engine]:
    """For tests of what is decided; in production's sandbox, which lets all modules through."""
    folder = tmp_path_factory.mktemp("engine")
    async with running_engine(temporal, mongodb.uri, folder, name="engine", strict=False) as running:
        yield running


@pytest.fixture(scope="session")
async def strict_engine(
    temporal: Client, mongodb: EmbeddedMongo, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Engine]:
    """In the SDK's sandbox proper, which stops a workflow that is not deterministic."""
    folder = tmp_path_factory.mktemp("strict")
    async with running_engine(temporal, mongodb.uri, folder, name="strict", strict=True) as running:
        yield running
