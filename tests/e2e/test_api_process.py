"""The API as a process: both ports, a clean stop, and clear words where it cannot start."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from deploy.local.ports import free_port
from tests.support.api import PASSWORD, log_in
from tests.support.contract_check import checked_client
from tests.support.deaf_server import deaf_server
from tests.support.mongodb import EmbeddedMongo

ROOT = Path(__file__).parents[2]


class Process:
    """`python -m api`, with a state directory and ports of its own."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = os.environ | environment
        self.ports = [environment[f"PROVISIONING_{name}_PORT"] for name in ("API", "CONTROL_CENTER")]

    async def start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "api"),
            cwd=ROOT,
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )


@pytest.fixture
async def environment(
    mongodb: EmbeddedMongo, temporal: Client, tmp_path: Path
) -> AsyncIterator[dict[str, str]]:
    values = {
        "STATE_DIR": str(tmp_path / "state"),
        "API_PORT": str(free_port()),
        "CONTROL_CENTER_PORT": str(free_port()),
        "MONGODB_URI": mongodb.uri,
        "MONGODB_DATABASE": f"test-{tmp_path.name}",
        "TEMPORAL_ADDRESS": temporal.service_client.config.target_host,
        "ADMIN_PASSWORD": PASSWORD,
    }
    yield {f"PROVISIONING_{name}": value for name, value in values.items()}


async def tasks_at(port: str) -> object:
    """What the server at the port shows of the tasks, once it answers."""
    async with (
        checked_client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client,
        asyncio.timeout(300),
    ):
        while True:
            try:
                token = await log_in(client, "admin", PASSWORD)
            except httpx.TransportError:
                await asyncio.sleep(0.1)
            else:
                break
        answer = await client.get("/tasks", headers={"Authorization": f"Bearer {token}"})
        return answer.json()


async def description_at(port: str) -> bytes:
    async with checked_client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
        return (await client.get("/openapi.json")).content


async def page_at(port: str) -> int:
    """The status with which the page is answered."""
    async with checked_client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
        file = await client.get("/control-center/page/index.html")
        page = await client.get("/")
        unknown = await client.get("/control-center/page/../assets.py")
    assert page.status_code == file.status_code
    assert unknown.status_code == 404
    assert page.is_error or page.headers["content-security-policy"].startswith("default-src 'none'")
    return page.status_code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_serves_both_ports_and_stops_in_order(
    environment: dict[str, str], number: signal.Signals
) -> None:
    process = Process(environment)
    running = await process.start()
    try:
        for port in process.ports:
            assert await tasks_at(port) == {"success": True, "data": []}
        first, second = [await description_at(port) for port in process.ports]
        assert first == second
        assert [await page_at(port) for port in process.ports] == [404, 200]
        other = await process.start()
        _, told = await other.communicate()
        assert other.returncode == 2
        assert told.decode().count("\n") == 1
        assert process.ports[0] in told.decode()
        running.send_signal(number)
        printed, logged = await running.communicate()
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
    assert running.returncode == 0
    assert b"Traceback" not in logged
    assert printed.decode().count("first admin") == 1


async def test_it_stops_where_temporal_does_not_answer(environment: dict[str, str]) -> None:
    """A call that it has under way then does not end by itself."""
    async with deaf_server() as deaf:
        process = Process(environment | {"PROVISIONING_TEMPORAL_ADDRESS": deaf.address})
        running = await process.start()
        try:
            assert await tasks_at(process.ports[0]) == {"success": True, "data": []}
            await deaf.called.wait()
            running.send_signal(signal.SIGTERM)
            await running.communicate()
        finally:
            if running.returncode is None:
                running.kill()
                await running.wait()
    assert running.returncode == 0


async def test_a_setting_that_cannot_be_used_is_one_clear_line(environment: dict[str, str]) -> None:
    for changes in (
        {"PROVISIONING_API_PORT": "many"},
        {"PROVISIONING_JWT_SECRET": "short"},
        {"PROVISIONING_CATALOGUE_DIRS": "/no/such/folder"},
    ):
        running = await Process(environment | changes).start()
        _, told = await running.communicate()
        assert running.returncode == 2, changes
        assert told.decode().count("\n") == 1, told.decode()
