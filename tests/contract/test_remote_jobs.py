"""What a detached remote job promises, against a real SSH server."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import asyncssh
import pytest

from activities.remote.door import SshDoor
from activities.remote.jobs import Ended, Ending, Job, RemoteJobs
from tests.support.ssh_server import SshServer
from workflows.domain.errors import Refused, Unavailable

COUNTING = (
    'for i in $(seq 1 20); do echo "line $i"; sleep 0.05; done; echo once >> "$PROVISIONING_SERVER_ROOT/runs"'
)

CLIENT = """
import asyncio, json, os, signal, sys
from pathlib import Path
from activities.remote.door import SshDoor
from activities.remote.jobs import Job, RemoteJobs
from workflows.domain.resources import SshEndpoint

async def main(state_dir, endpoint, job, die_at):
    def on_line(number, text):
        print(number, text, flush=True)
        if number == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
    jobs = RemoteJobs(SshDoor(Path(state_dir)))
    await jobs.run(SshEndpoint.model_validate_json(endpoint), Job.model_validate_json(job), on_line)

asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
"""


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - what happens on the server sets no event here
            await asyncio.sleep(0.02)


class Log:
    """Hears a job's lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str]] = []

    def __call__(self, number: int, text: str) -> None:
        self.lines.append((number, text))

    async def until(self, count: int) -> None:
        await until(lambda: len(self.lines) >= count)


def counted() -> list[tuple[int, str]]:
    return [(i, f"line {i}") for i in range(1, 21)]


def runs(server: SshServer) -> int:
    path = server.root / "runs"
    return len(path.read_text().splitlines()) if path.exists() else 0


def job_dir(server: SshServer, job_id: str) -> Path:
    return server.root / "var/lib/provisioning/jobs" / job_id


async def test_a_job_runs_and_tells_its_log_and_code(ssh_server: SshServer, remote_jobs: RemoteJobs) -> None:
    log = Log()
    job = Job(
        id="job",
        main='echo "$GREETING"; cat files/note; printf "no newline"; exit 3',
        files={"note": "beside it\n"},
        environment={"GREETING": 'it\'s $HOME; `id` "quoted"\nand a second line'},
    )
    ended = await remote_jobs.run(ssh_server.endpoint, job, log)
    assert (ended.ending, ended.code, ended.lines) == (Ending.EXITED, 3, 4)
    assert [text for _, text in log.lines] == [
        'it\'s $HOME; `id` "quoted"',
        "and a second line",
        "beside it",
        "no newline",
    ]
    assert ended.tail.endswith("beside it\nno newline")


async def test_a_second_client_attaches_and_hears_everything(
    ssh_server: SshServer, remote_jobs: RemoteJobs, ssh_state_dir: Path
) -> None:
    job, first, second = Job(id="job", main=COUNTING), Log(), Log()
    running = asyncio.create_task(remote_jobs.run(ssh_server.endpoint, job, first))
    await first.until(5)
    other = SshDoor(ssh_state_dir)
    ended = await RemoteJobs(other).run(ssh_server.endpoint, job, second)
    assert ended == await running
    await other.close()
    assert first.lines == second.lines == counted()
    assert runs(ssh_server) == 1


async def test_a_job_outlives_a_client_that_is_killed(
    ssh_server: SshServer, remote_jobs: RemoteJobs, ssh_state_dir: Path
) -> None:
    job, log = Job(id="job", main=COUNTING), Log()
    client = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CLIENT,
        str(ssh_state_dir),
        ssh_server.endpoint.model_dump_json(),
        job.model_dump_json(),
        "5",
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await client.communicate()
    assert client.returncode == -signal.SIGKILL
    assert len(output.splitlines()) == 5
    ended = await remote_jobs.run(ssh_server.endpoint, job, log)
    assert ended.code == 0
    assert log.lines == counted()
    assert runs(ssh_server) == 1


async def test_a_cut_connection_is_taken_up_again(ssh_server: SshServer, remote_jobs: RemoteJobs) -> None:
    job, log = Job(id="job", main=COUNTING), Log()
    running = asyncio.create_task(remote_jobs.run(ssh_server.endpoint, job, log))
    await log.until(5)
    await ssh_server.stop()
    await ssh_server.start()
    assert (await running).code == 0
    assert log.lines == counted()
    assert runs(ssh_server) == 1


async def test_an_unreachable_server_is_unavailable(ssh_server: SshServer, remote_jobs: RemoteJobs) -> None:
    await ssh_server.stop()
    with pytest.raises(Unavailable, match=ssh_server.address):
        await remote_jobs.run(ssh_server.endpoint, Job(id="job", main="true"), Log())


async def test_nothing_is_kept_of_a_server_that_went_away(
    ssh_server: SshServer, remote_jobs: RemoteJobs, ssh_door: SshDoor
) -> None:
    log = Log()
    job = Job(id="cut", main="echo begun; sleep 600")
    running = asyncio.create_task(remote_jobs.run(ssh_server.endpoint, job, log))
    await log.until(1)
    await ssh_server.stop()
    with pytest.raises(Unavailable):
        await running
    assert ssh_door._endpoints == {}


async def test_another_host_key_is_refused(ssh_server: SshServer, remote_jobs: RemoteJobs) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    endpoint = ssh_server.endpoint.model_copy(update={"host_key": other})
    with pytest.raises(Refused, match="another host key"):
        await remote_jobs.run(endpoint, Job(id="job", main="true"), Log())


async def test_an_unknown_client_key_is_refused(ssh_server: SshServer, tmp_path: Path) -> None:
    door = SshDoor(tmp_path / "stranger")
    with pytest.raises(Refused, match="does not let us in"):
        await RemoteJobs(door).run(ssh_server.endpoint, Job(id="job", main="true"), Log())
    await door.close()


async def test_a_killed_job_is_told_apart_and_runs_again(
    ssh_server: SshServer, remote_jobs: RemoteJobs
) -> None:
    script = (
        'if [ -e "$HOME/second" ]; then echo second; exit 0; fi; printf half; touch "$HOME/second"; sleep 600'
    )
    job, log = Job(id="job", main=script), Log()
    running = asyncio.create_task(remote_jobs.run(ssh_server.endpoint, job, log))
    await until((ssh_server.root / "second").exists)
    os.killpg(int((job_dir(ssh_server, "job") / "group").read_text()), signal.SIGKILL)
    assert (await running).ending is Ending.KILLED
    again = Log()
    ended = await remote_jobs.run(ssh_server.endpoint, job, again)
    assert (ended.ending, ended.code) == (Ending.EXITED, 0)
    assert again.lines == [(1, "half"), (2, "second")]
    assert log.lines == [(1, "half")]


async def test_try_again_later_runs_again_and_other_codes_do_not(
    ssh_server: SshServer, remote_jobs: RemoteJobs
) -> None:
    for code, expected in ((75, 2), (1, 1), (0, 1)):
        job = Job(id=f"job-{code}", main=f'echo once >> "$HOME/runs-{code}"; exit {code}')
        for _ in range(2):
            ended = await remote_jobs.run(ssh_server.endpoint, job, Log())
            assert ended.code == code
        assert len((ssh_server.root / f"runs-{code}").read_text().splitlines()) == expected


async def test_of_eight_clients_that_start_at_once_one_does(
    ssh_server: SshServer, ssh_state_dir: Path
) -> None:
    job = Job(id="job", main=COUNTING)
    doors = [SshDoor(ssh_state_dir) for _ in range(8)]
    logs = [Log() for _ in doors]
    endings: list[Ended] = await asyncio.gather(
        *(RemoteJobs(d).run(ssh_server.endpoint, job, log) for d, log in zip(doors, logs, strict=True))
    )
    for door in doors:
        await door.close()
    assert {e.code for e in endings} == {0}
    assert all(log.lines == counted() for log in logs)
    assert runs(ssh_server) == 1


@pytest.mark.parametrize("left", [[], ["files.new"], ["files.new", "files", "log"]])
async def test_a_launcher_that_died_leaves_a_job_that_starts_once(
    ssh_server: SshServer, remote_jobs: RemoteJobs, left: list[str]
) -> None:
    folder = job_dir(ssh_server, "job")
    folder.mkdir(parents=True)
    (folder / "lock").touch()
    for name in left:
        (folder / name).touch() if name == "log" else (folder / name).mkdir()
    log = Log()
    ended = await remote_jobs.run(ssh_server.endpoint, Job(id="job", main=COUNTING), log)
    assert (ended.code, runs(ssh_server)) == (0, 1)
    assert log.lines == counted()


async def test_files_that_arrive_incomplete_start_nothing(ssh_server: SshServer, ssh_door: SshDoor) -> None:
    from activities.remote.jobs import _archive, command

    archive = _archive(Job(id="job", main=COUNTING))
    # Cut between two members, where tar notices nothing.
    cut = archive.index(b".complete")
    launch = command("launch", "job", "75", "60")
    output = await ssh_door.execute(ssh_server.endpoint, launch, archive[:cut])
    assert output.code == 1
    assert "incomplete" in output.stderr
    assert runs(ssh_server) == 0
    ended = await RemoteJobs(ssh_door).run(ssh_server.endpoint, Job(id="job", main=COUNTING), Log())
    assert (ended.code, runs(ssh_server)) == (0, 1)


async def test_twenty_jobs_at_once_on_one_server(ssh_server: SshServer, remote_jobs: RemoteJobs) -> None:
    """More than the sessions that one connection may have."""
    jobs = [Job(id=f"job-{n}", main=f"sleep 0.3; echo {json.dumps(n)}") for n in range(20)]
    logs = [Log() for _ in jobs]
    await asyncio.gather(
        *(remote_jobs.run(ssh_server.endpoint, j, log) for j, log in zip(jobs, logs, strict=True))
    )
    assert [log.lines for log in logs] == [[(1, str(n))] for n in range(20)]
