"""Two API processes and four workers on one Temporal and one MongoDB, started anew in turn under load.

`TEST_ROUNDS` says how often in a row, and with more work then; once by default.
"""

import asyncio
import contextlib
import itertools
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from temporalio.client import Client

from activities.providers.local.entry import build_local
from activities.settings import Settings
from deploy.local.parts import environment_of
from tests.support.api import api_settings
from tests.support.contract_check import checked_client
from tests.support.in_turn import InTurn
from tests.support.live import ApiProcess
from tests.support.mongodb import EmbeddedMongo
from tests.support.stack import ROOT, eventually
from tests.support.topology import WIDE
from tests.support.world import ROUNDS, operation, server, taskserv

WORKERS = WIDE.workers
WORK = 5 if ROUNDS else 1
"""Batches that come in with each restart."""
SLOW = 4.0
"""Seconds of a script: longer than a worker that ends waits for what it is doing."""


class WorkerProcess:
    """`python -m worker`, and its pulse."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._pulse = settings.state_dir / f"{name}.pulse"
        self._output = settings.state_dir / f"{name}.log"
        self._environment = environment_of(
            settings.model_copy(update={"pulse_file": self._pulse}), os.environ
        )
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns when it polls."""
        with self._output.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "worker"),
                cwd=ROOT,
                env=self._environment,
                stdout=output,
                stderr=output,
            )
        await eventually(self._polls, within=300)

    def _polls(self) -> bool:
        assert self._process is not None and self._process.returncode is None, self._output.read_text()
        return self._pulse.exists() and self._pulse.read_text() == "working\n"

    async def end(self, kill: bool = False) -> int:
        """The exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            (self._process.kill if kill else self._process.terminate)()
        return await self._process.wait()


class Clients:
    """Whoever uses the service: through one API process, and through the other where that one is gone."""

    def __init__(self, apis: list[ApiProcess], token: str) -> None:
        urls = [f"http://{api.url}" for api in apis]
        self._client = checked_client(
            base_url=urls[0],
            transport=InTurn(urls, itertools.cycle(range(len(urls)))),
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=60,
        )

    async def data(self, path: str, **query: Any) -> Any:
        answer = await self._client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def submit(self, infra: str) -> str:
        """Starts a batch; its id. The key keeps an attempt at the other process from starting another one."""
        operations = [
            operation("make", [], infra, server_configs=[server("web")]),
            operation("install", ["make"], infra, taskservs=[taskserv("flaky", seconds=SLOW)]),
        ]
        answer = await self._client.post(
            "/batch/execute",
            json={"name": infra, "operations": operations},
            headers={"Idempotency-Key": str(uuid4())},
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["data"]["batch_id"])

    async def close(self) -> None:
        await self._client.aclose()

    async def has_ended(self, batch: str) -> bool:
        return bool((await self.data(f"/batch/operations/{batch}"))["status"] != "Running")


class Fleet:
    """All processes, and the settings that they share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.apis = [ApiProcess(settings, settings.state_dir / f"api-{n}.log") for n in range(WIDE.apis)]
        self.workers = [WorkerProcess(settings, f"worker-{n}") for n in range(WIDE.workers)]

    @property
    def processes(self) -> list[ApiProcess | WorkerProcess]:
        return [*self.apis, *self.workers]

    @contextlib.asynccontextmanager
    async def clients(self) -> AsyncIterator[Clients]:
        """They are logged in, for all processes."""
        clients = Clients(self.apis, await self.apis[0].token())
        try:
            yield clients
        finally:
            await clients.close()


@pytest.fixture
async def fleet(mongodb: EmbeddedMongo, temporal: Client, tmp_path: Path) -> AsyncIterator[Fleet]:
    settings = api_settings(tmp_path, mongodb, temporal).model_copy(
        update={"catalogue_dirs": str(ROOT / "tests/catalogue"), "local_isolation": "auto"}
    )
    fleet = Fleet(settings)
    try:
        await asyncio.gather(*(process.start() for process in fleet.processes))
        yield fleet
    finally:
        with contextlib.suppress(AssertionError):  # one was never started
            for process in fleet.processes:
                await process.end(kill=True)
        await build_local(settings).remove_all()


@pytest.mark.parametrize("_turn", range(max(1, ROUNDS)))
async def test_a_rolling_restart_loses_and_repeats_nothing(fleet: Fleet, _turn: int) -> None:
    async with fleet.clients() as clients:
        batches = await restarted_under_load(fleet, clients)
        for batch in batches.values():
            await eventually(partial(clients.has_ended, batch), within=300, every=0.2)
        for infra, batch in batches.items():
            await everything_was_done_once(clients, infra, batch)
        await nothing_else_was_done(clients, batches)
    servers = [server.key for server, runs in build_local(fleet.settings).servers() if runs]
    assert sorted(servers) == sorted(f"{infra}/web" for infra in batches)


async def restarted_under_load(fleet: Fleet, clients: Clients) -> dict[str, str]:
    """The batches that came in meanwhile, by their infras."""
    batches: dict[str, str] = {}
    for number, process in enumerate(fleet.processes):
        infras = [f"rolling-{number}-{count}" for count in range(WORK)]
        # They come in while the process goes.
        ending = asyncio.create_task(process.end())
        started = await asyncio.gather(*map(clients.submit, infras))
        assert await ending == 0
        batches |= dict(zip(infras, started, strict=True))
        await process.start()
    return batches


async def everything_was_done_once(clients: Clients, infra: str, batch: str) -> None:
    assert (await clients.data(f"/batch/operations/{batch}"))["status"] == "Completed"
    effects = await clients.data("/inventory/effects", batch_id=batch)
    assert Counter(effect["kind"] for effect in effects) == {"server_created": 1, "taskserv_installed": 1}
    (made,) = await clients.data("/inventory/servers", infra=infra)
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        answer = await client.get(f"http://{made['task_services'][0]['address']}/")
    assert answer.text == "flaky"


async def nothing_else_was_done(clients: Clients, batches: dict[str, str]) -> None:
    listed = await clients.data("/batch/operations", limit=1000)
    assert sorted(one["batch_id"] for one in listed) == sorted(batches.values())
    for status in ("Running", "Pending"):
        assert await clients.data("/tasks", status=status) == []
    assert len(await clients.data("/inventory/effects", limit=1000)) == 2 * len(batches)
