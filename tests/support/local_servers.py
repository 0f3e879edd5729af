"""Local servers under test: how they are reached, and what shows that nothing of them is left."""

import contextlib
import json
import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import psutil
import pytest

from activities.providers.local.choice import Choice, IsolationSetting
from activities.providers.local.provider import LocalProvider
from activities.remote.keys import client_key
from activities.settings import Settings
from workflows.domain.resources import Server

CACHE = Settings.from_environment(os.environ).cache_dir.expanduser().absolute()
"""The real one, so that the base image is built once on a machine."""


@dataclass(frozen=True)
class LocalStack:
    """A provider on a state directory of its own."""

    provider: LocalProvider
    choice: Choice
    state_dir: Path

    def another(self) -> LocalProvider:
        """A provider that knows nothing of the first one but the state directory: a worker started again."""
        return LocalProvider(self.state_dir, CACHE, self.choice)

    async def run(self, server: Server, command: str) -> str:
        """What `command` prints on the server, over SSH with its host key checked."""
        async with await self.connect(server) as connection:
            result = await connection.run(command, check=True)
        return str(result.stdout).strip()

    async def connect(self, server: Server) -> asyncssh.SSHClientConnection:
        ssh = server.ssh
        assert ssh.host_key is not None
        return await asyncssh.connect(
            ssh.host,
            ssh.port,
            username=ssh.user,
            client_keys=[client_key(self.state_dir)],
            known_hosts=([asyncssh.import_public_key(ssh.host_key)], [], []),
            config=None,
        )

    def traces(self) -> list[str]:
        """Whatever this machine still has of any server of the state directory."""
        return [
            *(f"file {path}" for path in self.state_dir.glob("servers/**/*")),
            *(f"address {address}" for address in self._reserved()),
            *_processes(str(self.state_dir)),
        ]

    def _reserved(self) -> list[str]:
        table = json.loads((CACHE / "addresses.json").read_text())["owners"]
        return [address for address, owner in table.items() if owner.startswith(f"{self.state_dir}/")]


def local_stack(isolation: IsolationSetting, state_dir: Path) -> LocalStack:
    choice = Choice(isolation, state_dir, CACHE)
    return LocalStack(LocalProvider(state_dir, CACHE, choice), choice, state_dir)


@contextlib.asynccontextmanager
async def passing_stack(isolation: IsolationSetting) -> AsyncIterator[LocalStack]:
    """A stack that leaves nothing behind; the test is skipped where this machine cannot isolate so."""
    with tempfile.TemporaryDirectory() as name:
        stack = local_stack(isolation, Path(name))
        if stack.provider.isolation.startswith("none"):
            pytest.skip(stack.provider.isolation)
        try:
            yield stack
        finally:
            await stack.provider.remove_all()
        assert stack.traces() == []


def _processes(mark: str) -> list[str]:
    """Processes that have the state directory in their environment, folder, or mounts."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) in (os.getpid(), os.getppid()):
            continue
        try:
            told = (process / "environ").read_bytes() + (process / "mountinfo").read_bytes()
            place = f"{os.fsdecode(told)} {(process / 'cwd').readlink()}"
            if f"{mark}/servers" in place:
                found.append(f"process {process.name} {(process / 'cmdline').read_bytes()!r}")
        except OSError:  # it is just ending
            continue
    return found


def environment(process: psutil.Process) -> str:
    try:
        return str(process.environ())
    except psutil.Error:
        return ""


def connections(process: psutil.Process) -> list[Any]:
    try:
        return list(process.net_connections("inet"))
    except psutil.NoSuchProcess:  # such as one that served a connection
        return []
