"""What stands behind the servers' addresses: something that greets as an SSH server does, and no more."""

import asyncio
import itertools
from collections.abc import Iterator


class Machines:
    """Addresses of this machine's own, `127.x.y.z`, with a port that answers while its server runs."""

    def __init__(self, block: int, port: int) -> None:
        self._port = port
        self._numbers = itertools.count(block * 256)
        self._given: list[str] = []
        self._foreign: set[str] = set()
        self._listeners: dict[str, asyncio.Server] = {}

    def give(self, addresses: list[str]) -> None:
        """The next servers get these: somebody else answers there, or nobody. An empty one is none at all."""
        self._given += addresses
        self._foreign |= set(addresses)

    def next_address(self) -> str:
        return self._given.pop(0) if self._given else next(self._own())

    async def run(self, address: str) -> None:
        if address not in self._foreign and address not in self._listeners:
            self._listeners[address] = await asyncio.start_server(_greet, address, self._port)

    async def halt(self, address: str) -> None:
        listener = self._listeners.pop(address, None)
        if listener is not None:
            listener.close()
            await listener.wait_closed()

    def _own(self) -> Iterator[str]:
        for number in self._numbers:
            high, low = divmod(number, 256)
            if low not in (0, 255):
                yield f"127.{240 + high // 256 % 15}.{high % 256}.{low}"


async def _greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-Nobody\r\n")
    writer.close()
