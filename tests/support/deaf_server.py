"""A server that takes connections and says nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class DeafServer:
    """`called` is set as soon as somebody has connected to `address`."""

    def __init__(self) -> None:
        self.address = ""
        self.called = asyncio.Event()


@contextlib.asynccontextmanager
async def deaf_server() -> AsyncIterator[DeafServer]:
    deaf = DeafServer()
    lines: list[asyncio.BaseTransport] = []

    class Line(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            lines.append(transport)
            deaf.called.set()

    server = await asyncio.get_running_loop().create_server(Line, "127.0.0.1", 0)
    deaf.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield deaf
    finally:
        server.close()
        for line in lines:
            line.close()
