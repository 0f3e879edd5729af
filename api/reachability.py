"""Whether what the inventory lists answers right now."""

import asyncio
import contextlib
from collections.abc import Iterable

_PARALLEL = 100
"""Connections that are tried at once, whoever asks."""
_CONNECT_SECONDS = 1.0
_TOTAL_SECONDS = 3.0

Address = tuple[str, int]


class Reachability:
    """One in each API process: a connection is a file descriptor, of which a process commonly has 1,024."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(_PARALLEL)

    async def reachable(self, addresses: Iterable[Address]) -> dict[Address, bool]:
        """Which of the addresses accept a TCP connection; those that there was no time for are left out.

        Takes 3 seconds at most, whatever the number of addresses, and of those who ask.
        """
        answers: dict[Address, bool] = {}

        async def probe(address: Address) -> None:
            async with self._slots:
                answers[address] = await _accepts(address)

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TOTAL_SECONDS), asyncio.TaskGroup() as group:
                for address in set(addresses):
                    group.create_task(probe(address))
        return answers


async def _accepts(address: Address) -> bool:
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(*address)
    except (OSError, TimeoutError, UnicodeError):  # the last of an address that is no name of a host
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
