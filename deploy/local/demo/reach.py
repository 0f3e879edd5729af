"""How to reach what exists: one command for each server and service, and whether it answers.

The demo runs the very commands that it prints, so what a person pastes was seen to work.
"""

import asyncio
import os
import re
import shlex
import shutil
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.demo.answers import Server, TaskService

_PATIENCE = 20.0
"""Seconds that a command may take."""


@dataclass(frozen=True)
class Command:
    """A command for a shell, and what its output holds when the service answered."""

    what: str
    text: str
    expected: str
    """A regular expression."""


@dataclass(frozen=True)
class Proof:
    command: Command
    answered: bool
    output: str
    """The first line that was printed."""


def commands_for(server: Server, key: Path) -> list[Command]:
    """One to log in to the server, and one for each task service on it."""
    return [_log_in(server, key), *(_ask(server, service) for service in server.task_services)]


def _log_in(server: Server, key: Path) -> Command:
    ssh = server.ssh
    if shutil.which("ssh") is None:
        return Command(server.name, _dialogue(ssh.host, ssh.port, ""), r"^SSH-2\.0-")
    words = ["ssh", "-i", str(key), "-p", str(ssh.port)]
    # A demo's servers come and go: their host keys have no place in anybody's known_hosts.
    for option in ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"):
        words += ["-o", option]
    words += ["-o", "IdentitiesOnly=yes", f"{ssh.user}@{ssh.host}", "echo logged in to $(uname -n)"]
    return Command(server.name, shlex.join(words), r"^logged in to \S")


def _ask(server: Server, service: TaskService) -> Command:
    host, _, port = service.address.rpartition(":")
    text, expected = _QUESTIONS.get(service.name, _is_open)(host, int(port))
    return Command(f"{service.name} on {server.name}", text, expected)


def _dialogue(host: str, port: int, say: str, hear: str = "head -n 1") -> str:
    """Says `say` (escapes of printf) to a port and shows the answer, with bash alone."""
    words = f"exec 3<>/dev/tcp/{host}/{port} && printf '{say}' >&3 && {hear} <&3"
    return f'bash -c "{words}"'


def _http(path: str, expected: str) -> Callable[[str, int], tuple[str, str]]:
    def ask(host: str, port: int) -> tuple[str, str]:
        if shutil.which("curl"):
            return f"curl -sS -i http://{host}:{port}{path}", expected
        request = rf"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n"
        return _dialogue(host, port, request, "cat"), expected

    return ask


def _redis(host: str, port: int) -> tuple[str, str]:
    # One that wants a password says so, and that is an answer too.
    return _dialogue(host, port, r"PING\r\n"), r"^(\+PONG|-NOAUTH)"


def _postgresql(host: str, port: int) -> tuple[str, str]:
    # "Do you speak TLS?" is answered by one letter, before any password is asked for.
    return _dialogue(host, port, r"\0\0\0\10\4\322\026\057", "head -c 1"), r"^[SN]$"


def _is_open(host: str, port: int) -> tuple[str, str]:
    return f'bash -c "exec 3<>/dev/tcp/{host}/{port} && echo it listens"', r"^it listens"


_QUESTIONS: dict[str, Callable[[str, int], tuple[str, str]]] = {
    "nginx": _http("/", r"^HTTP/\S+ [234]"),
    "caddy": _http("/", r"^HTTP/\S+ [234]"),
    "etcd": _http("/health", r'"health": ?"true"'),
    "redis": _redis,
    "postgresql": _postgresql,
}


async def prove(commands: Sequence[Command]) -> list[Proof]:
    """Runs the commands, side by side."""
    return list(await asyncio.gather(*(_run(command) for command in commands)))


async def _run(command: Command) -> Proof:
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", command.text),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            printed, _ = await process.communicate()
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        return Proof(command, answered=False, output=f"no answer in {_PATIENCE:g} s")
    text = printed.decode(errors="replace").strip()
    answered = re.search(command.expected, text, re.MULTILINE) is not None
    return Proof(command, answered, text.partition("\n")[0].strip())
