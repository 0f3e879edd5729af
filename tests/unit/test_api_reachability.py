"""What listens answers, what does not listen doesn't, and nobody waits for what is silent."""

import asyncio
import socket

from api.reachability import reachable


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
            answers = await reachable([listening, refusing, listening, unknown, no_name])
    assert answers == {listening: True, refusing: False, unknown: False, no_name: False}


async def test_nothing_to_ask() -> None:
    assert await reachable([]) == {}
