"""Looks all the time, so that events come by themselves and `/health` costs nothing."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from activities.mongo.stores import Stores
from activities.provider_ports import ServerProviders
from activities.settings import Settings
from api.monitoring.announcing import HEALTH_EVERY, METRICS_EVERY, Announcer, Publish, slot_of
from api.monitoring.checks import components
from api.monitoring.health import Status
from api.monitoring.load import LoadSampler
from api.monitoring.metrics import Metrics
from api.monitoring.monitor import Monitor
from api.monitoring.pollers import Pollers
from api.monitoring.workers import WorkerCheck
from api.orchestrator import Orchestrator
from workflows.domain.errors import Unavailable

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rhythm:
    """Seconds between looks, samples and events."""

    look: float = 5.0
    look_when_critical: float = 1.0
    """Sooner, so that whoever waits for the service hears soon that it is back."""
    sample: float = 5.0
    health_event: float = HEALTH_EVERY
    metrics_event: float = METRICS_EVERY


@dataclass(frozen=True)
class Monitoring:
    """What the routes ask."""

    monitor: Monitor
    metrics: Metrics
    workers: WorkerCheck

    def require_worker(self) -> None:
        """Raises Unavailable where the last look, some seconds ago at most, surely found no worker."""
        if self.workers.surely_none:
            raise Unavailable("no worker polls the task queue")


@contextlib.asynccontextmanager
async def monitoring(
    settings: Settings,
    stores: Stores,
    orchestrator: Orchestrator,
    providers: ServerProviders,
    publish: Publish,
    *,
    rhythm: Rhythm | None = None,
) -> AsyncIterator[Monitoring]:
    """Looks, samples and announces while the block runs."""
    rhythm = rhythm or Rhythm()
    workers = WorkerCheck(stores.workers, Pollers(orchestrator, settings.task_queue), settings.task_queue)
    monitor = Monitor(components(orchestrator, stores, workers, providers, settings.state_dir))
    sampler = LoadSampler(settings.state_dir)
    metrics = Metrics(stores.read_model, sampler)
    announcer = Announcer(stores.event_log, stores.health_announcements, publish)
    tasks = [
        asyncio.create_task(_look(monitor, announcer, rhythm)),
        asyncio.create_task(_sample(sampler, rhythm.sample)),
        asyncio.create_task(_announce_metrics(metrics, announcer, rhythm.metrics_event)),
    ]
    try:
        yield Monitoring(monitor, metrics, workers)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await monitor.close()


async def _look(monitor: Monitor, announcer: Announcer, rhythm: Rhythm) -> None:
    said_in: int | None = None

    async def once() -> float:
        nonlocal said_in
        health = await monitor.health()
        await announcer.health(health)
        slot = slot_of(rhythm.health_event)
        if slot != said_in:
            await announcer.health_again(health, slot)
            said_in = slot
        return rhythm.look_when_critical if health.overall is Status.CRITICAL else rhythm.look

    await _forever(once, rhythm.look)


async def _sample(sampler: LoadSampler, every: float) -> None:
    async def once() -> float:
        await sampler.sample()
        return every

    await asyncio.sleep(min(every, 1.0))  # an average needs some time to be one
    await _forever(once, every)


async def _announce_metrics(metrics: Metrics, announcer: Announcer, every: float) -> None:
    async def once() -> float:
        with contextlib.suppress(Unavailable):  # there is nothing to tell without the counts
            await announcer.metrics(await metrics.now(), slot_of(every))
        return every - time.time() % every

    await asyncio.sleep(every - time.time() % every)
    await _forever(once, every)


async def _forever(once: Callable[[], Awaitable[float]], otherwise: float) -> None:
    """Does it again and again; it says when. What goes wrong is logged, and does not end it."""
    while True:
        pause = otherwise
        try:
            pause = await once()
        except Exception:
            log.exception("a background look failed")
        await asyncio.sleep(pause)
