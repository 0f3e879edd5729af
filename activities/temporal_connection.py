"""Connecting to Temporal, for processes that may start before it does."""

import asyncio
import logging

from temporalio.client import Client
from temporalio.service import RPCError

from activities.temporal_access import TemporalAccess
from activities.temporal_setup import prepare_namespace

log = logging.getLogger(__name__)

PAUSE = 0.5
"""Seconds between two attempts."""


async def connect(access: TemporalAccess) -> Client:
    """A client whose namespace is prepared; waits for the server for as long as it takes."""
    waiting = False
    while True:
        try:
            client = await access.client()
            await prepare_namespace(client)
            return client
        except (RPCError, RuntimeError, TimeoutError) as error:
            # The SDK reports a refused connection as a bare RuntimeError.
            if not waiting:
                log.warning("waiting for Temporal at %s: %s", access.target, error)
            waiting = True
            await asyncio.sleep(PAUSE)


async def connect_unless(stopping: asyncio.Event, access: TemporalAccess) -> Client | None:
    """As `connect`; None where it is to stop before there is a server."""
    connecting = asyncio.create_task(connect(access))
    asked_to_stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({connecting, asked_to_stop}, return_when=asyncio.FIRST_COMPLETED)
    asked_to_stop.cancel()
    if connecting.done():
        return connecting.result()
    connecting.cancel()
    return None
