"""The SurrealDB package's own client, connected as a database on the same machine or network should be."""

import asyncio
import ipaddress
from typing import Literal

import websockets
from surrealdb.connections.async_ws import AsyncWsSurrealConnection
from surrealdb.errors import ServerError

_CLOSE_WITHIN = 1.0
"""Seconds for the closing handshake; a server that does not answer it is left without one."""


class Client(AsyncWsSurrealConnection):
    """One connection. It never comes back once it is lost: whoever uses it opens another."""

    Refusal = ServerError
    """What a call raises to which the server said no."""

    @property
    def is_lost(self) -> bool:
        """Whether the connection was open and is not any more."""
        return self.recv_task is not None and self.recv_task.done()

    async def connect(self, url: str | None = None) -> None:  # noqa: ARG002 - the package's signature
        """Opens the connection, once. The package would go to this machine by way of an HTTP proxy."""
        if self.socket is not None:
            return
        self.socket = await websockets.connect(
            self.raw_url,
            max_size=None,
            subprotocols=[websockets.Subprotocol("cbor")],
            compression=None,
            proxy=_proxy(self.host),
            close_timeout=_CLOSE_WITHIN,
        )
        self.loop = asyncio.get_running_loop()
        self.recv_task = asyncio.create_task(self._recv_task())


def _proxy(host: str | None) -> Literal[True] | None:
    """None for this machine, and else what the environment says."""
    try:
        local = host is None or host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        local = False
    return None if local else True
