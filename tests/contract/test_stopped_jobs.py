"""A remote job that is stopped: all of it ends, nothing of it begins again, and others go on."""

import asyncio
from pathlib import Path

from activities.remote.jobs import Ending, Job, RemoteJobs
from tests.contract.test_remote_jobs import COUNTING, Log, runs
from tests.support.ssh_server import SshServer, an_ssh_server


async def test_stop_ends_the_whole_group_and_it_never_starts_again(
    ssh_server: SshServer, remote_jobs: RemoteJobs
) -> None:
    stubborn = """
    bash -c "trap '' TERM; echo child; while :; do sleep 0.1; done" &
    setsid bash -c "trap '' TERM; echo left the group; while :; do sleep 0.1; done" &
    wait
    """
    job, log = Job(id="job", main=stubborn), Log()
    running = asyncio.create_task(remote_jobs.run(ssh_server.endpoint, job, log))
    await log.until(2)
    await remote_jobs.stop(ssh_server.endpoint, "job")
    ended = await running
    assert ended.ending is Ending.STOPPED
    assert [p.cmdline() for p in ssh_server.processes()] == []
    again = await remote_jobs.run(ssh_server.endpoint, job, Log())
    assert again.ending is Ending.STOPPED
    await remote_jobs.stop(ssh_server.endpoint, "job")


async def test_stop_leaves_the_job_of_the_same_name_on_another_server(
    ssh_server: SshServer, remote_jobs: RemoteJobs, ssh_state_dir: Path, tmp_path: Path
) -> None:
    """As on a copy of a server, beside it on the same machine."""
    job, logs = Job(id="job", main="echo begun; sleep 600"), (Log(), Log())
    async with an_ssh_server(tmp_path / "copy", ssh_state_dir) as copy:
        one, other = (
            asyncio.create_task(remote_jobs.run(server.endpoint, job, log))
            for server, log in zip((ssh_server, copy), logs, strict=True)
        )
        for log in logs:
            await log.until(1)
        await remote_jobs.stop(ssh_server.endpoint, "job")
        assert (await one).ending is Ending.STOPPED
        assert "sleep" in str([process.cmdline() for process in copy.processes()])
        await remote_jobs.stop(copy.endpoint, "job")
        assert (await other).ending is Ending.STOPPED


async def test_stop_before_the_start_keeps_it_from_starting(
    ssh_server: SshServer, remote_jobs: RemoteJobs
) -> None:
    await remote_jobs.stop(ssh_server.endpoint, "job")
    ended = await remote_jobs.run(ssh_server.endpoint, Job(id="job", main=COUNTING), Log())
    assert ended.ending is Ending.STOPPED
    assert runs(ssh_server) == 0


async def test_stop_against_start(ssh_server: SshServer, remote_jobs: RemoteJobs) -> None:
    """Whoever is first: the job has ended or never began, and nothing of it runs."""
    for number in range(5):
        job = Job(id=f"job-{number}", main="sleep 600")
        running = asyncio.create_task(remote_jobs.run(ssh_server.endpoint, job, Log()))
        await asyncio.sleep(0.02 * number)
        await remote_jobs.stop(ssh_server.endpoint, job.id)
        assert (await running).ending is Ending.STOPPED
        assert not any("sleep" in p.cmdline() for p in ssh_server.processes())
