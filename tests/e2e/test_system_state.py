"""Metrics and health of the system: what they say while parts of it are there, and while they are not."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import yaml
from openapi_schema_validator import OAS30Validator
from temporalio.client import Client

from activities.mongo.stores import Stores, open_stores
from activities.presence import presence
from activities.providers.registry import ProviderRegistry
from activities.settings import Settings
from activities.temporal_access import TemporalAccess
from api.monitoring.health import SystemHealth
from api.monitoring.watch import Monitoring, Rhythm, monitoring
from api.openapi import CONTRACT
from api.orchestrator import Orchestrator
from tests.e2e.test_api_batches import data, ended, execute, operation, working
from tests.support.api import Api, api_settings
from tests.support.mongodb import EmbeddedMongo
from tests.support.stack import eventually
from workflows.domain.errors import Unavailable
from workflows.domain.events import Event, EventType

HEALTH = "/state/system/health"
METRICS = "/state/system/metrics"
ALL = {"temporal", "worker", "mongodb", "snapshots_filesystem", "disk"}
QUICK = Rhythm(look=0.1, look_when_critical=0.1, sample=0.1, health_event=3600, metrics_event=1)


def as_the_contract_says(answer: Any, schema: str) -> None:
    OAS30Validator(yaml.safe_load(CONTRACT.read_text())["components"]["schemas"][schema]).validate(answer)


@contextlib.asynccontextmanager
async def watching(settings: Settings, published: list[Event]) -> AsyncIterator[tuple[Monitoring, Stores]]:
    """What looks in an API process, as another process would."""
    orchestrator = Orchestrator(TemporalAccess.of(settings), settings.task_queue)
    stores = open_stores(settings)
    try:
        async with monitoring(
            settings, stores, orchestrator, ProviderRegistry([]), published.append, rhythm=QUICK
        ) as looking:
            yield looking, stores
    finally:
        await stores.close()


def texts(health: SystemHealth) -> dict[str, str]:
    return {name: finding.text for name, finding in health.findings.items()}


async def test_the_counts_are_right_as_soon_as_a_batch_has_ended(api: Api) -> None:
    before = await data(api, METRICS)
    as_the_contract_says(before, "SystemMetrics")
    assert before["system_load"]["memory_usage"] > 0
    assert before["system_load"]["disk_usage"] > 0
    waiting = await execute(api, operation("w-a"), operation("w-b", "w-a"))
    now = await data(api, METRICS)
    assert now["active_workflows"] - before["active_workflows"] == 3, "a batch and its two tasks"
    async with working(api):
        assert (await ended(api, waiting))["status"] == "Completed"
        cancelled = await execute(api, operation("c-a"), operation("c-b", "c-a"))
        await api.client.post(f"/batch/operations/{cancelled}/cancel")
        cancelled_batch = await ended(api, cancelled)
        # The server of that name is another batch's, with another plan.
        taken = [{"name": "w-a", "plan": "2xCPU-4GB", "zone": "local"}]
        failed = await execute(api, operation("f-a", server_configs=taken))
        assert (await ended(api, failed))["status"] == "Failed"
    after = await data(api, METRICS)
    as_the_contract_says(after, "SystemMetrics")
    of_cancelled = Counter([cancelled_batch["status"], *(o["status"] for o in cancelled_batch["operations"])])
    rise = {name: after[name] - before[name] for name in before if name != "system_load"}
    assert rise == {
        "total_workflows": 8,
        "active_workflows": 0,
        "completed_workflows": 3 + of_cancelled["Completed"],
        "failed_workflows": 2,
    }


async def test_health_names_each_component(api: Api) -> None:
    answer = await data(api, HEALTH)
    as_the_contract_says(answer, "SystemHealthStatus")
    assert answer["components"].keys() >= ALL

    async def are_well() -> bool:
        # A check that was late on a busy machine is no failure.
        found = (await data(api, HEALTH))["components"]
        return all(found[name] == "Healthy" for name in ("temporal", "mongodb", "snapshots_filesystem"))

    await eventually(are_well)

    async def lacks_a_worker() -> bool:
        # Temporal lists the pollers of tests before; nobody is misled by them for longer than a start takes.
        found = await data(api, HEALTH)
        expected = "Critical: no worker polls the task queue"
        return bool(found["components"]["worker"] == expected and found["overall_status"] == "Critical")

    await eventually(lacks_a_worker)

    async def is_well() -> bool:
        return bool((await data(api, HEALTH))["components"]["worker"] == "Healthy")

    async with working(api), presence(api.services.stores.workers, api.settings.task_queue):
        await eventually(is_well)


async def test_snapshots_that_cannot_be_written_are_critical(api: Api, tmp_path: Path) -> None:
    settings = api.settings.model_copy(update={"state_dir": tmp_path})
    (tmp_path / "snapshots").write_text("a file where the folder should be")
    async with watching(settings, []) as (looking, _):
        found = texts(await looking.monitor.health())["snapshots_filesystem"]
        assert found.startswith("Critical: snapshots cannot be stored for now")
        assert str(tmp_path) not in found
        (tmp_path / "snapshots").unlink()

        async def is_well() -> bool:
            return texts(await looking.monitor.health())["snapshots_filesystem"] == "Healthy"

        await eventually(is_well)


async def test_several_processes_write_each_event_once(
    mongodb: EmbeddedMongo, temporal: Client, tmp_path: Path
) -> None:
    settings = api_settings(tmp_path, mongodb, temporal)
    folder = tmp_path / "snapshots"
    published: list[Event] = []
    async with contextlib.AsyncExitStack() as processes:
        sides = [await processes.enter_async_context(watching(settings, published)) for _ in range(3)]
        _, stores = sides[0]

        async def events(kind: EventType) -> list[Event]:
            return [e for _, e in await stores.event_log.read(0, 1000) if e.event_type is kind]

        async def changes() -> list[str]:
            """The statuses of the snapshot storage, as the events tell them one after another."""
            found = [e.data["components"] for e in await events(EventType.SYSTEM_HEALTH_UPDATE)]
            # The first slot of an hour has an event too.
            told = [str(c["snapshots_filesystem"]).partition(":")[0] for c in found if isinstance(c, dict)]
            return [now for before, now in zip([None, *told], told, strict=False) if now != before]

        async def all_sides(status: str) -> None:
            async def agree() -> bool:
                healths = [await looking.monitor.health() for looking, _ in sides]
                return all(texts(h)["snapshots_filesystem"].startswith(status) for h in healths)

            await eventually(agree)

        await all_sides("Healthy")
        for cycle in (1, 2):
            if folder.exists():
                folder.rmdir()
            folder.write_text("a file where the folder should be")
            await all_sides("Critical")
            # What is announced only after the next change would be another one.
            await eventually(_reads(changes, ["Healthy", *["Critical", "Healthy"] * cycle][:-1]))
            folder.unlink()
            await all_sides("Healthy")
            await eventually(_reads(changes, ["Healthy", *["Critical", "Healthy"] * cycle]))
        told = [_statuses(event) for event in await events(EventType.SYSTEM_HEALTH_UPDATE)]

        async def enough_metrics() -> bool:
            return len(await events(EventType.METRIC_UPDATE)) >= 4

        await eventually(enough_metrics)
        metrics = await events(EventType.METRIC_UPDATE)
    slots = [int(e.timestamp.timestamp()) for e in metrics]
    assert sorted(set(slots)) == slots, "one for each second, which is the slot here"
    repeated = [before for before, now in pairwise(told) if before == now]
    assert len(repeated) <= 2, "each state once, and the hour's event, at the turn of an hour two"
    for event in metrics:
        as_the_contract_says(event.data, "SystemMetrics")
    for event in await _health_events(settings):
        as_the_contract_says(event.data, "SystemHealthStatus")
    assert published == []


def _statuses(event: Event) -> dict[str, str]:
    components = event.data["components"]
    assert isinstance(components, dict)
    return {name: str(text).partition(":")[0] for name, text in components.items()}


def _reads(ask: Any, expected: list[str]) -> Any:
    async def condition() -> bool:
        return bool(await ask() == expected)

    return condition


async def _health_events(settings: Settings) -> list[Event]:
    stores = open_stores(settings)
    try:
        found = await stores.event_log.read(0, 1000)
        return [event for _, event in found if event.event_type is EventType.SYSTEM_HEALTH_UPDATE]
    finally:
        await stores.close()


async def test_without_mongodb_it_still_knows_and_tells_its_own_clients(
    mortal_mongodb: EmbeddedMongo, temporal: Client, tmp_path: Path
) -> None:
    settings = api_settings(tmp_path, mortal_mongodb, temporal)
    published: list[Event] = []

    def told(events: Iterable[Event]) -> str | None:
        """The last status of MongoDB among them; what a client hears comes from the log and past it."""
        found = [event.data.get("components") for event in sorted(events, key=lambda event: event.timestamp)]
        statuses = [str(components["mongodb"]) for components in found if isinstance(components, dict)]
        return statuses[-1].partition(":")[0] if statuses else None

    async with watching(settings, published) as (looking, stores):

        async def is_announced() -> bool:
            return any("components" in event.data for _, event in await stores.event_log.read(0, 1000))

        await eventually(is_announced)
        await asyncio.to_thread(mortal_mongodb.kill)

        async def it_alone_is_away() -> bool:
            found = texts(await looking.monitor.health())
            return found["mongodb"].startswith("Critical") and found["temporal"] == "Healthy"

        await eventually(it_alone_is_away)
        health = await looking.monitor.health()
        assert health.overall == "Critical"
        assert str(mortal_mongodb.port) not in " ".join(texts(health).values())
        await eventually(lambda: told(published) == "Critical")
        await asyncio.to_thread(mortal_mongodb.start)
        await eventually(_mongodb_is(looking, "Healthy"))

        # The log's last word is from before the outage, so its clients hear of the end the same way; but a
        # look that ends while MongoDB is on its way back may be logged, and then so is the end.
        async def is_over() -> bool:
            try:
                logged = [event for _, event in await stores.event_log.read(0, 1000)]
            except Unavailable:
                return False
            return told([*published, *logged]) == "Healthy"

        await eventually(is_over)


def _mongodb_is(looking: Monitoring, status: str) -> Any:
    async def condition() -> bool:
        return texts(await looking.monitor.health())["mongodb"].startswith(status)

    return condition


async def test_the_public_health_tells_that_no_worker_is_there(api: Api) -> None:
    async with api.anonymous() as client:

        async def unable() -> bool:
            return (await client.get("/health")).status_code == 503

        await eventually(unable)  # some seconds after the start, until which nobody can be sure
        answer = await client.get("/health")
        assert answer.json()["error"] == "no worker polls the task queue"
        assert "retry-after" in answer.headers

        async with presence(api.services.stores.workers, api.settings.task_queue), working(api):
            await eventually(lambda: _is_well(client))


async def _is_well(client: httpx.AsyncClient) -> bool:
    return (await client.get("/health")).is_success
