"""What Prometheus is told of this API process, and of the work as a whole. The one door to its client."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from activities.ports import ReadModel
from api.locks import Locks
from api.monitoring.monitor import Monitor
from workflows.domain.errors import Unavailable
from workflows.domain.states import BatchStatus, TaskStatus

Registry = CollectorRegistry
CONTENT_TYPE = CONTENT_TYPE_LATEST
LOGIN_ROUTE = "/auth/login"
_REFUSALS = {401: "credentials", 429: "limit"}
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
"""Seconds. A request that waits for its work may take minutes."""
_SECONDS = 3.0
"""How long a scrape waits for each part, a little more than a check may take; what is away is left out."""

T = TypeVar("T")


class RequestMeter:
    """Counts and times requests. Labels take few values: routes as they are described, and known methods."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "provisioning_http_requests",
            "Requests that were answered.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "provisioning_http_request_duration_seconds",
            "How long requests took, but for WebSockets.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=registry,
        )
        self.in_progress = Gauge(
            "provisioning_http_requests_in_progress", "Requests that are not answered yet.", registry=registry
        )
        self.websockets = Gauge(
            "provisioning_websocket_connections", "WebSockets that are open.", registry=registry
        )
        self._refusals = Counter(
            "provisioning_login_refusals", "Logins that were refused.", ("reason",), registry=registry
        )
        for reason in _REFUSALS.values():
            # So that a rate is there, and none is missing, before the first.
            self._refusals.labels(reason)

    def answered(self, method: str, route: str, status: int, seconds: float | None) -> None:
        """Without `seconds` it is not timed."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        if seconds is not None:
            self._seconds.labels(method, route).observe(seconds)
        if route == LOGIN_ROUTE and status in _REFUSALS:
            self._refusals.labels(_REFUSALS[status]).inc()


class Exposition:
    """Everything that a scrape gets."""

    def __init__(self, registry: CollectorRegistry, rows: ReadModel, locks: Locks, monitor: Monitor) -> None:
        self._registry = registry
        self._rows = rows
        self._locks = locks
        self._monitor = monitor

    async def text(self) -> bytes:
        """Never raises: what cannot be found out now is left out."""
        families = await asyncio.gather(
            _known(self._work()), _known(self._waiting()), _known(self._components())
        )
        snapshot = CollectorRegistry(auto_describe=False)
        snapshot.register(_Found([family for found in families for family in found or ()]))
        return generate_latest(self._registry) + generate_latest(snapshot)

    async def _work(self) -> list[Metric]:
        counts = await self._rows.counts()
        return [
            _by("provisioning_batches", "Batches by status.", "status", BatchStatus, counts.batches.get),
            _by("provisioning_tasks", "Tasks by status.", "status", TaskStatus, counts.tasks.get),
        ]

    async def _waiting(self) -> list[Metric]:
        locks = [found.lock.held for found in await self._locks.all(None)]
        held = {"held": sum(locks), "waiting": len(locks) - sum(locks)}
        return [
            _by("provisioning_locks", "Locks on servers, and who waits for one.", "status", held, held.get)
        ]

    async def _components(self) -> list[Metric]:
        health = await self._monitor.health()
        weights = {name: finding.status.weight for name, finding in health.findings.items()}
        text = "How the parts of the system are: 0 is healthy, 1 a warning, 2 critical."
        return [_by("provisioning_component_status", text, "component", weights, weights.get)]


class _Found(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def registry() -> CollectorRegistry:
    """A new one, with what is known of the process itself."""
    # They would be a series more for each, which nobody asks for.
    disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no annotations
    made = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=made)
    return made


def _by(
    name: str, text: str, label: str, keys: Any, value: Callable[[Any], float | None]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for key in keys:
        family.add_metric([str(key)], value(key) or 0)
    return family


async def _known(part: Coroutine[Any, Any, T]) -> T | None:
    try:
        return await asyncio.wait_for(part, _SECONDS)
    except (Unavailable, TimeoutError):
        return None


def route_of(scope: Mapping[str, Any]) -> str:
    """The path as it is described; where there is none a word for all, since anybody can make paths up."""
    return str(getattr(scope.get("route"), "path", "unknown"))
