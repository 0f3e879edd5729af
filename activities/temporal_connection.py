"""Connecting to Temporal, for processes that may start before it does."""

import asyncio
import logging

from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.service import RPCError

from activities.settings import Settings
from activities.temporal_setup import prepare_namespace

log = logging.getLogger(__name__)

PAUSE = 0.5
"""Seconds between two attempts."""


async def connect(settings: Settings, converter: DataConverter) -> Client:
    """A client whose namespace is prepared; waits for the server for as long as it takes."""
    waiting = False
    while True:
        try:
            client = await Client.connect(
                settings.temporal_target,
                namespace=settings.temporal_namespace,
                data_converter=converter,
            )
            await prepare_namespace(client)
            return client
        except (RPCError, RuntimeError, TimeoutError) as error:
            # The SDK reports a refused connection as a bare RuntimeError.
            if not waiting:
                log.warning("waiting for Temporal at %s: %s", settings.temporal_target, error)
            waiting = True
            await asyncio.sleep(PAUSE)
