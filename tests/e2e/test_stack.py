"""The embedded stack, as `make run` starts it: what it withstands, what it says, and what it leaves."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client, WorkflowExecutionStatus

from activities.snapshots.surrealdb.access import USERNAME, embedded_secret
from activities.temporal_setup import RETENTION, SEARCH_ATTRIBUTES, prepare_namespace
from deploy.local.readiness import is_healthy, is_polled
from tests.support.stack import MEMBERS, Stack, a_stack, eventually, stack_settings


@pytest.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack whose processes these tests may kill."""
    async with a_stack(tmp_path_factory.mktemp("running") / "state") as started:
        await started.start()
        yield started


async def temporal_of(stack: Stack) -> Client:
    async with asyncio.timeout(60):
        while True:
            try:
                return await Client.connect(stack.settings.temporal_target)
            except RuntimeError:
                await asyncio.sleep(0.1)


async def serves(stack: Stack) -> None:
    """Waits until the whole stack works: API, databases and worker."""
    client = await temporal_of(stack)
    await eventually(lambda: is_healthy(stack.http))
    await eventually(lambda: is_polled(client, stack.settings.task_queue))


def members_of(stack: Stack) -> list[psutil.Process]:
    """The stack's processes. Local servers, which outlive it, have no part in these tests."""
    return list(stack.processes())


@pytest.mark.parametrize("name", MEMBERS)
async def test_a_process_that_is_killed_comes_back(running: Stack, name: str) -> None:
    killed = running.kill(name)
    await running.is_back(name, killed)
    await serves(running)


async def test_all_processes_killed_at_once_come_back(running: Stack) -> None:
    killed = {name: running.kill(name) for name in MEMBERS}
    for name, pid in killed.items():
        await running.is_back(name, pid)
    await serves(running)


async def test_the_namespace_is_prepared(running: Stack) -> None:
    client = await temporal_of(running)
    query = " AND ".join(f"{name} = 'x'" for name in SEARCH_ATTRIBUTES)
    assert (await client.count_workflows(query)).count == 0
    namespace = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace="default")
    )
    assert namespace.config.workflow_execution_retention_ttl.ToTimedelta() == RETENTION
    await asyncio.gather(*(prepare_namespace(client) for _ in range(3)))


async def test_pid_files_name_the_processes_that_serve(running: Stack) -> None:
    await serves(running)
    settings = running.settings
    ports = {
        "api": settings.api_port,
        "temporal": settings.temporal_port,
        "mongodb": settings.mongodb_port,
        "surrealdb": settings.surrealdb_port,
    }
    for name, port in ports.items():
        pid = running.pid(name)
        assert pid is not None
        assert port in {c.laddr[1] for c in psutil.Process(pid).net_connections() if c.status == "LISTEN"}
    worker = running.pid("worker-1")
    assert worker is not None
    assert psutil.Process(worker).cmdline()[-2:] == ["-m", "worker"]


async def test_nothing_listens_beyond_this_machine(running: Stack) -> None:
    await serves(running)
    addresses = set()
    for process in members_of(running):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended since it was listed
            addresses |= {c.laddr[0] for c in process.net_connections() if c.status == "LISTEN"}
    assert addresses == {"127.0.0.1"}


async def test_what_the_databases_write_is_closed_to_others(running: Stack) -> None:
    # The directory itself may have been there before, and be open.
    written = [running.state_dir / "temporal.db"]
    written += [path for path in (running.state_dir / "mongodb").rglob("*") if path.is_file()]
    assert len(written) > 3
    assert [path for path in written if is_open_to_others(path)] == []


def is_open_to_others(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & 0o077)
    except FileNotFoundError:  # a database removes what it is done with
        return False


async def test_passwords_stay_out_of_output_and_logs(running: Stack) -> None:
    logs = [path.read_text() for path in (running.state_dir / "log").iterdir()]
    for secret in (running.admin_password, embedded_secret(running.state_dir)):
        assert all(secret not in text for text in [running.output, *logs])
    assert str(running.state_dir / "admin-password") in running.output


async def test_a_second_stack_in_the_same_directory_is_refused(running: Stack) -> None:
    second = Stack(stack_settings(running.state_dir))
    printed = len(second.output)
    await second.launch()
    assert await second.supervisor.wait() == 4
    holder = f"another stack (pid {running.supervisor.pid}) uses the state directory {running.state_dir}; "
    assert holder in second.output[printed:]
    await serves(running)


async def test_a_stack_can_use_servers_that_are_there_already(running: Stack, tmp_path: Path) -> None:
    there = {
        "temporal_address": running.settings.temporal_target,
        "mongodb_uri": running.settings.mongodb_target,
        "surrealdb_url": f"ws://127.0.0.1:{running.settings.surrealdb_port}",
        "surrealdb_username": USERNAME,
        "surrealdb_password": embedded_secret(running.state_dir),
    }
    async with a_stack(
        tmp_path / "state", task_queue=f"other-{uuid4()}", mongodb_database="other", **there
    ) as second:
        await second.start()
        assert [second.pid(name) for name in ("temporal", "mongodb", "surrealdb")] == [None, None, None]
        await serves(second)
    await serves(running)


async def test_a_stop_leaves_nothing_but_the_state(tmp_path: Path) -> None:
    async with a_stack(tmp_path / "state") as stack:
        await stack.start()
        password, task = stack.admin_password, str(uuid4())
        await (await temporal_of(stack)).start_workflow("unknown", id=task, task_queue="nobody")

        assert await stack.stop() == 0
        assert members_of(stack) == []
        assert list((stack.state_dir / "run").iterdir()) == []
        assert stack.output.splitlines()[-1] == "stopped"

        await stack.start()
        assert stack.admin_password == password
        execution = await (await temporal_of(stack)).get_workflow_handle(task).describe()
        assert execution.status == WorkflowExecutionStatus.RUNNING


async def test_a_killed_supervisor_takes_all_with_it_and_the_next_one_takes_over(tmp_path: Path) -> None:
    async with a_stack(tmp_path / "state") as stack:
        await stack.start()
        assert len(members_of(stack)) > len(MEMBERS)
        await stack.crash()
        await eventually(lambda: not members_of(stack))
        assert stack.pid("api") is not None, "a stale pid file is what the next start has to cope with"

        await stack.start()
        assert await stack.stop(signal.SIGTERM) == 0
        assert members_of(stack) == []


async def test_a_second_interrupt_ends_what_hangs(tmp_path: Path) -> None:
    async with a_stack(tmp_path / "state") as stack:
        await stack.start()
        stack.kill("worker-1", signal.SIGSTOP)
        stack.supervisor.send_signal(signal.SIGINT)
        await eventually(lambda: "stopping" in stack.output)
        await stack.stop()
        assert members_of(stack) == []
        assert "did not end" not in stack.output, "it was not its patience that ended it"


async def test_an_interrupt_while_it_starts_is_a_clean_stop(tmp_path: Path) -> None:
    async with a_stack(tmp_path / "state") as stack:
        await stack.launch()
        await eventually(lambda: stack.pid("temporal") is not None)
        assert await stack.stop() == 0
        assert members_of(stack) == []
