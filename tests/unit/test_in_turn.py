"""Requests to a service of several processes, some of them away: none is lost, and none is done twice."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from itertools import cycle

import httpx
import pytest

from tests.support.in_turn import InTurn


class Process:
    """It takes requests, and answers them or dies of them."""

    def __init__(self, name: str, words: bytes) -> None:
        self.name = name
        self.requests = 0
        self._words = words

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            self.requests += 1
            writer.write(self._words)
        writer.close()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Its URL."""
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()


def healthy(name: str) -> Process:
    return Process(name, f"HTTP/1.1 200 OK\r\nContent-Length: {len(name)}\r\n\r\n{name}".encode())


def client(*urls: str) -> httpx.AsyncClient:
    transport = InTurn(urls, cycle(range(len(urls))))
    return httpx.AsyncClient(base_url=urls[0], transport=transport, trust_env=False)


async def test_each_process_has_its_turn() -> None:
    async with healthy("one").running() as one, healthy("two").running() as two, client(one, two) as user:
        assert [(await user.post("/")).text for _ in range(4)] == ["one", "two", "one", "two"]


async def test_where_one_is_gone_the_other_answers_whatever_is_asked() -> None:
    with socket.socket() as bound:  # nobody else gets the port, and nobody listens there
        bound.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{bound.getsockname()[1]}"
        async with healthy("there").running() as there, client(gone, there) as user:
            assert [(await user.post("/")).text for _ in range(4)] == ["there"] * 4


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf"])
async def test_what_may_have_been_done_is_sent_again_only_where_that_does_no_harm(words: bytes) -> None:
    dying, there = Process("dying", words), healthy("there")
    async with dying.running() as one, there.running() as two, client(one, two) as user:
        assert (await user.get("/")).text == "there"
        assert (await user.get("/")).text == "there"
        assert (await user.post("/", headers={"Idempotency-Key": "k"})).text == "there"
        assert (await user.get("/")).text == "there"
        with pytest.raises(httpx.RemoteProtocolError):
            await user.post("/")
    assert (dying.requests, there.requests) == (3, 4)
