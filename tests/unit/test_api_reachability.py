"""What listens answers, what does not listen doesn't, and nobody waits for what is silent."""

import asyncio
import socket
from collections.abc import Sequence
from typing import NoReturn

import pytest

from api.reachability import Address, Reachability


async def test_what_listens_and_what_does_not() -> None:
    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    listening = ("127.0.0.1", server.sockets[0].getsockname()[1])
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        refusing = ("127.0.0.1", bound.getsockname()[1])
        unknown, no_name = ("no-such-host.invalid", 1), (f"{'a' * 64}.invalid", 1)
        async with server:
            answers = await Reachability().reachable([listening, refusing, listening, unknown, no_name])
    assert answers == {listening: True, refusing: False, unknown: False, no_name: False}


async def test_nothing_to_ask() -> None:
    assert await Reachability().reachable([]) == {}


async def test_many_who_ask_open_no_more_connections_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file descriptor is missing, a living server would be told as gone, and nobody be let in."""
    tried: list[int] = []
    waiting = 0

    async def silent(*_: object) -> NoReturn:
        nonlocal waiting
        waiting += 1
        tried.append(waiting)
        try:
            await asyncio.sleep(0.1)
        finally:
            waiting -= 1
        raise OSError

    monkeypatch.setattr("asyncio.open_connection", silent)
    everything: Sequence[Address] = [("192.0.2.1", port) for port in range(1, 61)]
    reachability = Reachability()
    await asyncio.gather(*(reachability.reachable(everything) for _ in range(10)))
    assert len(tried) == 600
    assert max(tried) <= 100
