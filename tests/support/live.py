"""API processes of one's own on the session's servers, and clients of their event stream."""

import asyncio
import contextlib
import itertools
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from activities.settings import Settings
from deploy.local.parts import environment_of
from deploy.local.ports import free_port
from tests.support.api import PASSWORD, log_in
from tests.support.contract_check import checked_client
from tests.support.stack import ROOT, eventually
from tests.support.topology import chosen


class ApiProcess:
    """`python -m api` on the databases that the settings name; it may be killed and started again."""

    def __init__(self, settings: Settings, output: Path) -> None:
        port = free_port()
        other = free_port(avoid=frozenset({port}))
        self.settings = settings.model_copy(
            update={"api_port": port, "control_center_port": other, "jwt_secret": None}
        )
        self.url = f"127.0.0.1:{self.settings.api_port}"
        self.output = output
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns when it answers."""
        with self.output.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "api"),
                cwd=ROOT,
                env=environment_of(self.settings, os.environ),
                stdout=output,
                stderr=output,
            )
        await eventually(self._answers, within=300, every=0.1)

    async def _answers(self) -> bool:
        assert self._process is not None and self._process.returncode is None, self.output.read_text()
        async with checked_client(trust_env=False) as client:
            try:
                return (await client.get(f"http://{self.url}/docs")).status_code == 200
            except httpx.TransportError:
                return False

    async def end(self, kill: bool = False) -> int:
        """The exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            (self._process.kill if kill else self._process.terminate)()
        return await self._process.wait()

    async def token(self, username: str = "admin", password: str = PASSWORD) -> str:
        async with checked_client(base_url=f"http://{self.url}", trust_env=False, timeout=60) as client:
            return await log_in(client, username, password)

    def follow(self, token: str | None, path: str = "/ws", **query: object) -> connect:
        """A client; `receive` reads from it."""
        parameters = {"token": token} if token is not None else {}
        text = urlencode(parameters | {name: str(value) for name, value in query.items()})
        return connect(f"ws://{self.url}{path}?{text}", proxy=None, max_queue=None, open_timeout=60)


@contextlib.asynccontextmanager
async def api_process(settings: Settings, output: Path) -> AsyncIterator[ApiProcess]:
    process = ApiProcess(settings, output)
    await process.start()
    try:
        yield process
    finally:
        await process.end(kill=True)


@contextlib.asynccontextmanager
async def api_processes(settings: Settings, folder: Path) -> AsyncIterator[list[ApiProcess]]:
    """As many as `TEST_TOPOLOGY` says."""
    async with contextlib.AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(api_process(settings, folder / f"api-{number}.log"))
            for number in range(chosen().apis)
        ]
        yield processes


async def receive(client: ClientConnection, number: int, within: float = 60) -> list[dict[str, Any]]:
    """The next so many events."""
    async with asyncio.timeout(within):
        return [json.loads(await client.recv()) for _ in range(number)]


def sequence(event: dict[str, Any]) -> int:
    return int(event["metadata"]["sequence"])


@dataclass
class Faithful:
    """A client as one should be written: it connects again with the last sequence that it has.

    Where there are several processes, it comes to the next of them then. Of the events that it gets, those of
    the test bear a `number`; the rest the process says by itself.
    """

    processes: Sequence[ApiProcess]
    token: str
    until: int
    """The number of the test's last event."""
    drop_after: frozenset[int] = frozenset()
    """How many of the test's events it has each time when it drops the connection."""
    since: int = 0
    """Where it begins: behind this sequence."""
    sequences: list[int] = field(default_factory=list)
    """Of all events."""
    numbers: list[int] = field(default_factory=list)
    """Of the test's events."""
    connected: int = 0
    dropped: int = 0

    @property
    def position(self) -> int:
        return self.sequences[-1] if self.sequences else self.since

    def assert_complete(self, first: int = 1) -> None:
        """It has every event once and in order: the log's without a gap, the test's from the first on."""
        assert self.sequences == list(range(self.since + 1, self.position + 1))
        assert self.numbers == list(range(first, self.until + 1))

    async def run(self) -> None:
        """Until it has the test's last event."""
        for process in itertools.cycle(self.processes):
            if self._has_all():
                return
            try:
                async with process.follow(self.token, since=self.position) as client:
                    self.connected += 1
                    await self._take(client)
            except (ConnectionClosed, InvalidStatus, InvalidMessage, OSError, EOFError):
                await asyncio.sleep(0.1)

    def _has_all(self) -> bool:
        return bool(self.numbers) and self.numbers[-1] >= self.until

    async def _take(self, client: ClientConnection) -> None:
        async for text in client:
            event = json.loads(text)
            if "sequence" not in event["metadata"]:
                continue  # Said past the log, while that was away.
            self.sequences.append(sequence(event))
            if "number" not in event["data"]:
                continue
            self.numbers.append(event["data"]["number"])
            if len(self.numbers) in self.drop_after:
                self.dropped += 1
                client.transport.abort()
                return
            if self._has_all():
                return
