"""The worker process: settings -> adapters -> activities -> `Worker`."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from activities import logs
from activities.aftercare import Aftercare, looking_after
from activities.assembly import assemble, records_of
from activities.catalogue.cluster_types import ClusterCatalogue
from activities.log_context import CauseInterceptor
from activities.mongo.stores import open_stores
from activities.presence import presence
from activities.process_end import end_after
from activities.providers.registry import build_providers
from activities.pulse import Pulse
from activities.remote.door import SshDoor
from activities.request_trail import HandsRequestIdOn
from activities.settings import Settings, SettingsError
from activities.temporal_access import TemporalAccess
from activities.temporal_connection import access, connect_unless
from activities.workflow_sandbox import workflow_runner
from workflows.batch import BatchWorkflow
from workflows.contracts.base import ActivityContract
from workflows.kinds import OPERATIONS
from workflows.locks import LocksWorkflow
from workflows.rollback import RollbackWorkflow

WORKFLOWS = (BatchWorkflow, LocksWorkflow, RollbackWorkflow, *OPERATIONS)

GRACE = timedelta(seconds=3)
"""How long running activities have at a stop. Remote jobs are detached: the next worker attaches to them."""

BUILD = "provisioning"
"""What a changed workflow does is decided by patches. Without a name the SDK makes one of all modules' code,
which costs each start 1.6 seconds of CPU."""

log = logging.getLogger("worker")


def create_worker(
    client: Client,
    task_queue: str,
    contracts: Sequence[ActivityContract],
    *,
    workflows: Sequence[type] = WORKFLOWS,
    strict: bool = False,
) -> Worker:
    """A worker for `workflows`, with the activities of `contracts`. `strict` is for tests."""
    return Worker(
        client,
        task_queue=task_queue,
        build_id=BUILD,
        workflows=workflows,
        activities=[activity for contract in contracts for activity in contract.activities()],
        workflow_runner=workflow_runner(strict=strict),
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
        graceful_shutdown_timeout=GRACE,
        max_concurrent_activities=200,
        interceptors=[CauseInterceptor(), HandsRequestIdOn()],
    )


async def run(settings: Settings, way: TemporalAccess) -> None:
    """Works until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    pulse = Pulse(settings.pulse_file)
    async with pulse.beating():
        client = await connect_unless(stopping, way)
        if client is not None:
            await work(settings, client, pulse, stopping)


async def work(settings: Settings, client: Client, pulse: Pulse, stopping: asyncio.Event) -> None:
    stores, door, providers = open_stores(settings), SshDoor(settings.state_dir), build_providers(settings)
    resuming = asyncio.create_task(providers.resume())
    contracts = assemble(client, stores, providers, ClusterCatalogue.from_settings(settings), door)
    aftercare = Aftercare(client, settings.task_queue, stores.read_model, records_of(stores))
    try:
        async with (
            stores.snapshots.delivering(),
            create_worker(client, settings.task_queue, contracts),
            presence(stores.workers, settings.task_queue),
            looking_after(aftercare),
        ):
            pulse.works_with(client)
            log.info("worker polls %s at %s", settings.task_queue, settings.temporal_target)
            await stopping.wait()
    finally:
        resuming.cancel()
        await door.close()
        await stores.close()


def main() -> int:
    try:
        settings = Settings.from_environment(os.environ)
        way = access(settings)
        logs.configure(settings, logs.of_temporal)
        settings.state_dir.mkdir(parents=True, exist_ok=True)
    except (SettingsError, ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    asyncio.run(run(settings, way))
    return 0


if __name__ == "__main__":
    end_after(main)
