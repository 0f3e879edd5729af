"""What tests of task services share: a server, what is in its world, and short ways to ask."""

import contextlib
from typing import NamedTuple

import httpx
import psutil
import pytest
from temporalio.exceptions import ApplicationError

from tests.support.ssh_server import SshServer
from tests.support.stack import eventually
from tests.support.taskservs import TaskservBench
from workflows.domain.actions import InstallTaskserv
from workflows.domain.resources import Server, Taskserv


@pytest.fixture
def server(ssh_server: SshServer, taskserv_bench: TaskservBench) -> Server:
    server = ssh_server.server()
    taskserv_bench.providers.known.append(server)
    return server


class World(NamedTuple):
    """What a server is like, apart from the memory of actions and jobs."""

    files: list[str]
    processes: list[list[str]]


def world(ssh_server: SshServer) -> World:
    memory = ssh_server.root / "var/lib/provisioning"
    files = [
        str(path.relative_to(ssh_server.root))
        for path in sorted(ssh_server.root.rglob("*"))
        if path.is_file()
        and not any(path.is_relative_to(memory / part) for part in ("jobs", "actions", "touched"))
        and path.name not in ("taskservs.lock", "server.pid")
    ]
    processes = []
    for process in ssh_server.processes():
        with contextlib.suppress(psutil.Error):  # it may end at any time
            processes.append(process.cmdline())
    return World(files, sorted(processes))


async def until_nobody_follows(ssh_server: SshServer, before: World) -> None:
    """Waits for what told a job's log to a client that has gone: it ends a moment after the job."""
    await eventually(lambda: world(ssh_server).processes == before.processes)


async def answer(taskserv: Taskserv) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"http://{taskserv.address}/", timeout=5)).text


async def installed(bench: TaskservBench, action: InstallTaskserv) -> Taskserv:
    result = await bench.run(bench.taskservs.install_taskserv, action)
    (effect,) = result.effects
    assert isinstance(effect.after, Taskserv)
    return effect.after


def failure(error: pytest.ExceptionInfo[ApplicationError]) -> tuple[str | None, bool]:
    return error.value.type, error.value.non_retryable
