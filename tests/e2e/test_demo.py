"""`make demo`, as a person and as a script see it."""

import asyncio
import os
import pty
import re
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

from activities.settings import Settings
from deploy.local.parts import environment_of
from tests.support.stack import ROOT, eventually, stack_settings

SERVICES = {"redis on data", "nginx on web-1", "nginx on web-2"}
SERVERS = {"data", "web-1", "web-2"}

_WITHIN = 900.0
"""Seconds for a demo on a machine that has to fetch the services' packages first."""


class Demo:
    """A demo in a directory of its own, so that it meets no other's `.demo`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state_dir = folder / ".demo"
        ports = stack_settings(self.state_dir)
        settings = Settings.model_validate(
            ports.model_dump(include={n for n in Settings.model_fields if "port" in n})
        )
        self.env = environment_of(settings, os.environ) | {"PYTHONPATH": str(ROOT)}
        self.process: asyncio.subprocess.Process | None = None
        self.printed = bytearray()
        self._reading: asyncio.Task[None] | None = None

    async def start(self, terminal: bool = False) -> None:
        output, its_end = pty.openpty() if terminal else os.pipe()
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "deploy.local", "demo"),
            cwd=self.folder,
            env=self.env | {"TERM": "xterm", "COLUMNS": "200", "LINES": "60"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=its_end,
            stderr=its_end,
            start_new_session=True,
        )
        os.close(its_end)
        self._reading = asyncio.create_task(asyncio.to_thread(self._read, output))

    def _read(self, output: int) -> None:
        try:
            while piece := os.read(output, 65536):
                self.printed += piece
        except OSError:  # how a terminal says that its other side is gone
            pass
        finally:
            os.close(output)

    @property
    def text(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.printed.decode(errors="replace"))

    def interrupt(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)

    async def end(self) -> int:
        assert self.process is not None
        assert self._reading is not None
        async with asyncio.timeout(_WITHIN):
            code = await self.process.wait()
            await self._reading
        return code

    def processes(self) -> Iterator[str]:
        """The command of whatever was started for this demo, local servers included."""
        for process in psutil.process_iter():
            try:
                command = process.cmdline()
                if str(self.state_dir) in "\0".join([*command, *process.environ().values()]):
                    yield " ".join(command)
            except psutil.Error:
                continue

    def left_behind(self) -> list[str]:
        """Processes, and what lies in the state directory beside lock and logs."""
        kept = {path.name for path in self.state_dir.iterdir()} - {"lock", "log", "run"}
        return [*sorted(kept), *self.processes()]


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Demo]:
    demo = Demo(tmp_path)
    yield demo
    if demo.process is not None and demo.process.returncode is None:
        demo.interrupt()
        await demo.end()


async def test_a_demo_without_a_terminal_shows_a_batch_and_takes_everything_down(demo: Demo) -> None:
    await demo.start()
    code = await demo.end()
    assert code == 0, demo.text
    answered = set(re.findall(r"^  (.+): answered$", demo.text, re.MULTILINE))
    assert answered == SERVERS | SERVICES
    assert "DID NOT ANSWER" not in demo.text
    for operation in ("web_servers", "data_servers", "cache", "web"):
        assert re.search(rf"s  {operation}: Completed 100%", demo.text)
        assert re.search(rf"s  {operation} \| \S", demo.text) or operation.endswith("_servers")
    assert "\x1b" not in demo.printed.decode()
    assert demo.left_behind() == []


async def test_a_demo_on_a_terminal_stays_until_it_is_interrupted(demo: Demo) -> None:
    await demo.start(terminal=True)
    await eventually(lambda: "Ctrl-C takes everything down" in demo.text or has_ended(demo), _WITHIN)
    assert not has_ended(demo), demo.text
    assert "what runs" in demo.text
    assert (demo.state_dir / "run" / "api.pid").exists()
    # What it says can be pasted, is pasted.
    commands = re.findall(r"^    \$ (.+?)\r?$", demo.text, re.MULTILINE)
    reachable = commands[: len(SERVERS | SERVICES)]
    assert len(reachable) == len(SERVERS | SERVICES)
    for command in reachable:
        pasted = await asyncio.create_subprocess_shell(
            command,
            cwd=demo.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        printed, _ = await pasted.communicate()
        assert (pasted.returncode, bool(printed.strip())) == (0, True), command
    demo.interrupt()
    assert await demo.end() == 0
    assert demo.left_behind() == []


async def test_a_demo_that_is_interrupted_half_way_leaves_nothing(demo: Demo) -> None:
    await demo.start()
    # An operation that is quick is told of only once it has ended.
    begun = re.compile(r"_servers: Running|created server")
    await eventually(lambda: bool(begun.search(demo.text)) or has_ended(demo), _WITHIN)
    assert not has_ended(demo), demo.text
    demo.interrupt()
    assert await demo.end() == 130
    assert demo.left_behind() == []


async def test_a_demo_that_was_killed_is_cleared_up_by_the_next(demo: Demo) -> None:
    await demo.start()
    await eventually(lambda: "data_servers: Completed" in demo.text or has_ended(demo), _WITHIN)
    assert demo.process is not None
    assert not has_ended(demo), demo.text
    demo.process.kill()
    await demo.end()
    assert demo.left_behind() != [], "the local servers outlive it"
    await demo.start()
    assert await demo.end() == 0, demo.text
    assert demo.left_behind() == []


def has_ended(demo: Demo) -> bool:
    return demo.process is None or demo.process.returncode is not None
