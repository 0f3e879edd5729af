"""Connecting to Temporal, for processes that may start before it does."""

import asyncio
import logging
from collections.abc import Sequence
from typing import NamedTuple

from temporalio.client import Client, Interceptor
from temporalio.converter import DataConverter
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.service import RPCError

from activities import tracing
from activities.payload_encryption import payload_converter
from activities.settings import Settings
from activities.temporal_setup import prepare_namespace

log = logging.getLogger(__name__)

PAUSE = 0.5
"""Seconds between two attempts."""


class Access(NamedTuple):
    """How a process speaks with Temporal."""

    converter: DataConverter
    runtime: Runtime
    interceptors: Sequence[Interceptor] = ()


def access(settings: Settings) -> Access:
    """For a worker, from the settings alone: metrics and traces begin here, where they are wanted.

    Raises:
        ValueError, OSError: the payload keys or the port cannot be used.
    """
    return Access(
        payload_converter(settings), _runtime(settings), tracing.start(settings, "provisioning-worker")
    )


async def connect(settings: Settings, way: Access) -> Client:
    """A client whose namespace is prepared; waits for the server for as long as it takes."""
    waiting = False
    while True:
        try:
            client = await Client.connect(
                settings.temporal_target,
                namespace=settings.temporal_namespace,
                data_converter=way.converter,
                runtime=way.runtime,
                interceptors=way.interceptors,
            )
            await prepare_namespace(client)
            return client
        except (RPCError, RuntimeError, TimeoutError) as error:
            # The SDK reports a refused connection as a bare RuntimeError.
            if not waiting:
                log.warning("waiting for Temporal at %s: %s", settings.temporal_target, error)
            waiting = True
            await asyncio.sleep(PAUSE)


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
