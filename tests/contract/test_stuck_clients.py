"""Clients that stand still while they start a job, or whose machine dies: others do not wait for them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from activities.remote.door import SshDoor
from activities.remote.jobs import Ending, Job, RemoteJobs, command
from tests.support.ssh_server import SshServer

JOB = Job(id="job", main='echo once >> "$PROVISIONING_SERVER_ROOT/runs"')


@asynccontextmanager
async def stuck(server: SshServer, state_dir: Path, seconds: int) -> AsyncIterator[None]:
    """While somebody has begun to start the job, and sends no files."""
    door = SshDoor(state_dir)
    async with door.session(server.endpoint) as connection:
        launch = command("launch", JOB.id, "75", str(seconds))
        process = await connection.create_process(launch, encoding=None)
        await asyncio.sleep(0.5)
        try:
            yield
        finally:
            process.close()
    await door.close()


async def test_a_job_whose_files_do_not_come_is_started_by_another_client(
    ssh_server: SshServer, ssh_state_dir: Path, remote_jobs: RemoteJobs
) -> None:
    async with stuck(ssh_server, ssh_state_dir, seconds=2), asyncio.timeout(30):
        ended = await remote_jobs.run(ssh_server.endpoint, JOB, lambda *_: None)
    assert (ended.ending, ended.code) == (Ending.EXITED, 0)
    assert (ssh_server.root / "runs").read_text() == "once\n"


@pytest.mark.parametrize("stopped", [False, True], ids=["ended", "stopped"])
async def test_how_a_job_ended_is_told_to_others_all_the_same(
    ssh_server: SshServer, ssh_state_dir: Path, remote_jobs: RemoteJobs, stopped: bool
) -> None:
    if stopped:
        await remote_jobs.stop(ssh_server.endpoint, JOB.id)
    else:
        await remote_jobs.run(ssh_server.endpoint, JOB, lambda *_: None)
    async with stuck(ssh_server, ssh_state_dir, seconds=60), asyncio.timeout(30):
        ended = await remote_jobs.run(ssh_server.endpoint, JOB, lambda *_: None)
        await remote_jobs.stop(ssh_server.endpoint, JOB.id)
    assert ended.ending is (Ending.STOPPED if stopped else Ending.EXITED)
