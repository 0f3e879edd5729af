"""A TCP proxy whose connections can be cut, and that keeps what clients said."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class CuttableProxy:
    """Forwards to `target`, except while it is away."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._open: set[asyncio.StreamWriter] = set()
        self._is_away = False
        self.address = ""
        self.connections = 0
        self.said = bytearray()
        """What clients sent, in the order in which it came."""

    @contextlib.asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Every connection breaks off, and none is made as long as the block runs."""
        self._is_away = True
        for writer in self._open:
            writer.transport.abort()
        try:
            yield
        finally:
            self._is_away = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_away:
            writer.transport.abort()
            return
        self.connections += 1
        with contextlib.suppress(ConnectionError):
            server_reader, server_writer = await asyncio.open_connection(*self._target)
            pair = {writer, server_writer}
            self._open |= pair
            try:
                await asyncio.gather(
                    self._forward(reader, server_writer), self._answer(server_reader, writer)
                )
            finally:
                self._open -= pair
                for one in pair:
                    one.close()

    async def _forward(self, client: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while chunk := await client.read(1 << 16):
            self.said += chunk
            server.write(chunk)
            await server.drain()
        server.close()

    async def _answer(self, server: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while chunk := await server.read(1 << 16):
            client.write(chunk)
            await client.drain()
        client.close()


@contextlib.asynccontextmanager
async def cuttable_proxy(target: str) -> AsyncIterator[CuttableProxy]:
    proxy = CuttableProxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
