"""The command line as people and scripts run it: a process of its own, in a pipe or on a pseudo-terminal."""

import asyncio
import codecs
import contextlib
import json
import os
import re
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
import uvicorn
from fastapi import FastAPI
from typer.testing import CliRunner

from api.cli.app import app
from api.cli.errors import CommandFailed
from tests.support.api import PASSWORD, Api
from tests.support.contract_check import Witness
from tests.support.stack import Stack

ROOT = Path(__file__).parents[2]
_PATIENCE = 180
_ON_A_TERMINAL = """
import os, pty, signal, sys
# As a login shell has it: a run that was started in the background ignores Ctrl-C, and so would its children.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))
"""
_ONE_BY_ONE = """
import json, sys
from api.cli.app import app
for words in json.loads(sys.argv[1]):
    app(words, prog_name="provisioning", standalone_mode=False)
    print(end="\\f")
"""


@contextlib.asynccontextmanager
async def served(app: FastAPI, port: int = 0) -> AsyncIterator[str]:
    """The address at which an application that was started already is reached over HTTP.

    What is said there is checked against the contract. Without `port` it is any that is free.
    """
    witness = Witness(app)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        server = uvicorn.Server(uvicorn.Config(witness, lifespan="off", log_config=None))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving
    assert witness.broken == []


class Ended(NamedTuple):
    code: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.code == 0, self
        return json.loads(self.out)


class CommandLine:
    """`provisioning` with a config folder of its own."""

    def __init__(self, config: Path) -> None:
        self.profiles = config / "provisioning" / "profiles"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PROVISIONING_")},
            "XDG_CONFIG_HOME": str(config),
            "TERM": "xterm-256color",
            "COLUMNS": "120",
            "LINES": "60",
        }

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """In a pipe, and does not wait for its end."""
        return await self._start(sys.executable, "-m", "api.cli", *arguments)

    async def run(self, *arguments: str, stdin: str = "") -> Ended:
        """In a pipe."""
        process = await self.start(*arguments)
        async with asyncio.timeout(_PATIENCE):
            out, err = await process.communicate(stdin.encode())
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())

    async def inside(self, *arguments: str, stdin: str = "") -> Ended:
        """In this process, as in a pipe and quicker: for commands that follow nothing, one after another."""
        environment = {"XDG_CONFIG_HOME": self._environment["XDG_CONFIG_HOME"]}
        ended = await asyncio.to_thread(
            CliRunner().invoke, app, list(arguments), input=stdin, env=environment
        )
        match ended.exception:
            case None | SystemExit():
                return Ended(ended.exit_code, ended.stdout, ended.stderr)
            case CommandFailed() as failure:
                return Ended(failure.exit_code, ended.stdout, f"{ended.stderr}error: {failure}\n")
        raise ended.exception

    async def completed(self, *words: str) -> list[str]:
        """What a shell offers behind these words, of which the last is not typed in full."""
        program = (sys.executable, "-m", "api.cli")
        line = {"COMP_WORDS": " ".join(["provisioning", *words]), "COMP_CWORD": str(len(words))}
        process = await self._start(*program, _PROVISIONING_COMPLETE="complete_bash", **line)
        async with asyncio.timeout(_PATIENCE):
            out, err = await process.communicate()
        assert (process.returncode, err) == (0, b""), (out, err)
        return out.decode().split()

    async def on_terminal(self, *arguments: str, **environment: str) -> "Terminal":
        program = (sys.executable, "-m", "api.cli", *arguments)
        return Terminal(await self._start(sys.executable, "-c", _ON_A_TERMINAL, *program, **environment))

    async def each_on_terminal(self, commands: Sequence[Sequence[str]]) -> list[str]:
        """What each of them shows, one after another in one process, which is quicker."""
        program = (sys.executable, "-c", _ONE_BY_ONE, json.dumps(commands))
        terminal = Terminal(await self._start(sys.executable, "-c", _ON_A_TERMINAL, *program))
        assert await terminal.end() == 0, terminal.text
        return terminal.text.split("\f")[:-1]

    async def _start(self, *command: str, **environment: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=self._environment | environment, stdin=pipe, stdout=pipe, stderr=pipe
        )

    def stored(self, profile: str = "default") -> Any:
        return json.loads((self.profiles / f"{profile}.json").read_text())

    def store(self, content: object, profile: str = "default") -> None:
        (self.profiles / f"{profile}.json").write_text(json.dumps(content))


class Terminal:
    """A command on a terminal: what it shows, and what is typed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._seen = 0
        self.shown = ""

    async def until(self, words: str) -> None:
        """Waits until the words are shown after what was seen before."""
        assert self._process.stdout is not None
        async with asyncio.timeout(_PATIENCE):
            while words not in self.shown[self._seen :]:
                chunk = await self._process.stdout.read(65536)
                assert chunk, f"{words!r} was not shown: {self.shown!r}"
                self.shown += self._decoder.decode(chunk)
        self._seen = self.shown.index(words, self._seen) + len(words)

    @property
    def text(self) -> str:
        """What it shows, picture after picture, without what steers the terminal."""
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.shown)

    async def type(self, line: str) -> None:
        await self.press(f"{line}\n")

    async def press(self, keys: str) -> None:
        """`\\x03` is Ctrl-C."""
        assert self._process.stdin is not None
        self._process.stdin.write(keys.encode())
        await self._process.stdin.drain()

    async def end(self) -> int:
        """The exit code, once it has ended."""
        assert self._process.stdout is not None
        async with asyncio.timeout(_PATIENCE):
            self.shown += self._decoder.decode(await self._process.stdout.read())
            return await self._process.wait()


@pytest.fixture(scope="module")
async def api_url(api: Api) -> AsyncIterator[str]:
    async with served(api.app) as url:
        yield url


@pytest.fixture
def logged_out(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "config")


@pytest.fixture
async def admin(logged_out: CommandLine, api_url: str) -> CommandLine:
    await log_in(logged_out, api_url)
    return logged_out


@pytest.fixture(scope="session")
async def operator(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The admin of the session's stack, logged in. The login is shared: leave it as it is."""
    command = CommandLine(tmp_path_factory.mktemp("operator"))
    await log_in_at(command, stack, stack.base_url)
    return command


async def log_in_at(command: CommandLine, stack: Stack, server: str, *more: str) -> None:
    """As the stack's admin, over another address where it has one."""
    options = ("--server", server, "--username", stack.settings.admin_username, "--password-stdin")
    ended = await command.run("login", *options, *more, stdin=stack.admin_password)
    assert ended.code == 0, ended


async def log_in(command: CommandLine, api_url: str, username: str = "admin", *more: str) -> dict[str, Any]:
    options = ("--server", api_url, "--username", username, "--password-stdin", "--json")
    answer: dict[str, Any] = (await command.run("login", *options, *more, stdin=f"{PASSWORD}\n")).json()
    return answer


async def add(admin: CommandLine, *roles: str) -> str:
    name = f"u-{uuid4().hex[:8]}"
    options = [part for role in roles for part in ("--role", role)]
    added = await admin.run("users", "add", name, *options, "--password-stdin", stdin=PASSWORD)
    assert added.code == 0, added
    return name
