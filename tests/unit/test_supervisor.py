"""A member of the stack: kept running, and ended with everything that it left in its group."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from deploy.local import member as member_module
from deploy.local.errors import DoesNotStart
from deploy.local.member import Member
from deploy.local.program import Program
from deploy.local.state_dir import StateDir

ROOT = Path(__file__).resolve().parents[2]

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"


def spawns(*options: str) -> str:
    """A program that starts another one with `Popen` options, and prints its pid."""
    return (
        "import subprocess, time; "
        f"print(subprocess.Popen(['sleep', '600'], {', '.join(options)}).pid, flush=True); time.sleep(600)"
    )


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


async def has_printed(text: str) -> bool:
    return "up" in text


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Stage:
    """Makes members in one state directory, and ends them."""

    def __init__(self, path: Path) -> None:
        self.state_dir = StateDir(path)
        self.told: list[str] = []
        self.members: list[Member] = []

    def start(self, code: str, patience: float = 60) -> Member:
        program = Program("part", (sys.executable, "-c", code), dict(os.environ), patience, has_printed)
        member = Member(program, self.state_dir, self.told.append)
        self.members.append(member)
        member.start()
        return member

    def pid(self) -> int:
        path = self.state_dir.run / "part.pid"
        return int(path.read_text()) if path.exists() else 0

    async def printed(self, member: Member) -> str:
        await until(lambda: member.log.last_line() != "")
        return member.log.last_line()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path / "state")
    yield stage
    for member in stage.members:
        member.kill()
        await member.stop()
    stage.state_dir.close()


async def test_a_member_that_is_killed_is_started_again(stage: Stage) -> None:
    member = stage.start(SLEEPER)
    await until(lambda: stage.pid() != 0)
    first = stage.pid()
    os.kill(first, signal.SIGKILL)
    await until(lambda: stage.pid() not in (0, first))
    await member.up()
    assert not lives(first)
    assert lives(stage.pid())
    assert stage.told == ["part was ended by SIGKILL; starting it again"]


async def test_a_stopped_member_leaves_neither_process_nor_pid_file(stage: Stage) -> None:
    member = stage.start(spawns())
    in_its_group = int(await stage.printed(member))
    pid = stage.pid()
    await member.stop()
    await until(lambda: not lives(in_its_group))
    assert not lives(pid)
    assert list(stage.state_dir.run.iterdir()) == []
    assert stage.told == []


async def test_what_a_member_started_in_a_session_of_its_own_survives_it(stage: Stage) -> None:
    member = stage.start(spawns("start_new_session=True"))
    server = int(await stage.printed(member))
    try:
        os.kill(stage.pid(), signal.SIGKILL)
        await until(lambda: len(stage.told) > 0)
        await member.stop()
        assert lives(server)
    finally:
        os.kill(server, signal.SIGKILL)


async def test_a_member_that_does_not_listen_is_killed(stage: Stage) -> None:
    member = stage.start(STUBBORN, patience=0.2)
    await stage.printed(member)
    await member.stop()
    assert stage.told == ["part did not end in 0.2 s; killing it"]
    assert stage.pid() == 0


async def test_a_member_that_waits_to_start_again_stops_at_once(stage: Stage) -> None:
    member = stage.start("raise SystemExit(3)")
    await until(lambda: len(stage.told) >= 3)
    await member.stop()
    assert stage.pid() == 0
    assert stage.told[0].startswith("part ended with exit code 3")


async def test_a_member_that_cannot_start_says_why(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member_module, "FIRST_DELAY", 0.001)
    member = stage.start("import sys; sys.exit('the disk is on fire')")
    with pytest.raises(
        DoesNotStart, match=r"part does not start: the disk is on fire \(all of it: .*part\.log"
    ):
        await member.up()


async def test_a_program_that_is_not_there_is_no_reason_to_fall(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member_module, "FIRST_DELAY", 0.001)
    member = Member(Program("part", ("/nowhere",), {}, 1, has_printed), stage.state_dir, stage.told.append)
    stage.members.append(member)
    member.start()
    with pytest.raises(DoesNotStart, match="nowhere"):
        await member.up()


async def test_a_member_dies_with_its_supervisor(tmp_path: Path) -> None:
    supervisor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _SUPERVISOR, str(tmp_path / "state"), SLEEPER),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert supervisor.stdout is not None
    pid = int(await supervisor.stdout.readline())
    assert lives(pid)
    supervisor.kill()
    await supervisor.communicate()
    await until(lambda: not lives(pid))


_SUPERVISOR = """
import asyncio, os, sys
from pathlib import Path
from deploy.local.member import Member
from deploy.local.program import Program
from deploy.local.state_dir import StateDir

async def main():
    state_dir = StateDir(Path(sys.argv[1]))
    program = Program("part", (sys.executable, "-c", sys.argv[2]), dict(os.environ), 5)
    member = Member(program, state_dir, print)
    member.start()
    while not member.log.last_line():
        await asyncio.sleep(0.02)
    print((state_dir.run / "part.pid").read_text(), end="", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
