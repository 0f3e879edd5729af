"""A TCP proxy that can lose answers: the server does what it was asked, and the client never hears of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class DeafProxy:
    """Forwards to `target`. `lose_answer_to(size)` arms it: see there."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._trigger: int | None = None
        self.address = ""
        self.lost = 0
        """How many requests had their answers lost."""

    def lose_answer_to(self, size: int) -> None:
        """The next request of at least `size` bytes is forwarded; its connection then says nothing."""
        self._trigger = size

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            server_reader, server_writer = await asyncio.open_connection(*self._target)
            deaf = asyncio.Event()
            try:
                await asyncio.gather(
                    self._forward(reader, server_writer, deaf), self._answer(server_reader, writer, deaf)
                )
            finally:
                writer.close()
                server_writer.close()

    async def _forward(
        self, client: asyncio.StreamReader, server: asyncio.StreamWriter, deaf: asyncio.Event
    ) -> None:
        while chunk := await client.read(1 << 20):
            if self._trigger is not None and len(chunk) >= self._trigger:
                self._trigger = None
                self.lost += 1
                deaf.set()
            server.write(chunk)
            await server.drain()
        server.close()

    async def _answer(
        self, server: asyncio.StreamReader, client: asyncio.StreamWriter, deaf: asyncio.Event
    ) -> None:
        while chunk := await server.read(1 << 20):
            if deaf.is_set():
                # Long enough for the server to have acted; then the connection breaks, as it does in life.
                await asyncio.sleep(0.5)
                break
            client.write(chunk)
            await client.drain()
        client.close()


@contextlib.asynccontextmanager
async def deaf_proxy(target: str) -> AsyncIterator[DeafProxy]:
    proxy = DeafProxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
