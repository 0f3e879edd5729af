"""Connecting to Temporal, for processes that may start before it does."""

import asyncio
import logging

from temporalio.client import Client
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.service import RPCError

from activities import tracing
from activities.settings import Settings
from activities.temporal_access import TemporalAccess
from activities.temporal_setup import prepare_namespace

log = logging.getLogger(__name__)

PAUSE = 0.5
"""Seconds between two attempts."""


def access(settings: Settings) -> TemporalAccess:
    """For a worker, from the settings alone: metrics and traces begin here, where they are wanted.

    Raises:
        SettingsError, ValueError, OSError: a file, the payload keys or the port cannot be used.
    """
    interceptors = tracing.start(settings, "provisioning-worker")
    return TemporalAccess.of(settings, runtime=_runtime(settings), interceptors=interceptors)


async def connect(way: TemporalAccess) -> Client:
    """A client whose namespace is prepared; waits for the server for as long as it takes."""
    waiting = False
    while True:
        try:
            client = await way.client()
            await prepare_namespace(client)
            return client
        except (RPCError, RuntimeError, TimeoutError) as error:
            # The SDK reports a refused connection as a bare RuntimeError.
            if not waiting:
                log.warning("waiting for Temporal at %s: %s", way.target, error)
            waiting = True
            await asyncio.sleep(PAUSE)


async def connect_unless(stopping: asyncio.Event, way: TemporalAccess) -> Client | None:
    """As `connect`; None where it is to stop before there is a server."""
    connecting = asyncio.create_task(connect(way))
    asked_to_stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({connecting, asked_to_stop}, return_when=asyncio.FIRST_COMPLETED)
    asked_to_stop.cancel()
    if connecting.done():
        return connecting.result()
    connecting.cancel()
    return None


def _runtime(settings: Settings) -> Runtime:
    if settings.worker_metrics_port is None:
        return Runtime.default()
    address = f"{settings.worker_metrics_host}:{settings.worker_metrics_port}"
    # Names as Prometheus wants them: `temporal_request_latency_seconds`, `temporal_request_total`.
    served = PrometheusConfig(
        bind_address=address, counters_total_suffix=True, unit_suffix=True, durations_as_seconds=True
    )
    try:
        return Runtime(telemetry=TelemetryConfig(metrics=served))
    except (RuntimeError, ValueError) as error:
        raise OSError(f"cannot serve metrics at {address}: {error}") from error
