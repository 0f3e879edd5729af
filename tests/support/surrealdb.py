"""The embedded SurrealDB for the tests: the owner process as the stack starts it, in a folder of its own."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from activities.settings import Settings
from activities.snapshots.surrealdb.access import USERNAME, embedded_secret
from activities.snapshots.surrealdb.store import SurrealSnapshots
from deploy.local.ports import free_port
from deploy.local.program import tied
from tests.support.stack import ROOT

_PATIENCE = 120.0


class EmbeddedSurreal:
    """An owner process, at a port that stays the same."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.settings = Settings(state_dir=state_dir, surrealdb_port=free_port())
        self.log = state_dir.with_name(state_dir.name + ".surrealdb.log")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def as_a_server(self) -> dict[str, Any]:
        """Settings that lead to it as to a server that somebody else runs."""
        return {
            "surrealdb_url": f"ws://127.0.0.1:{self.settings.surrealdb_port}",
            "surrealdb_username": USERNAME,
            "surrealdb_password": SecretStr(embedded_secret(self.state_dir)),
        }

    @property
    def command(self) -> list[str]:
        port = str(self.settings.surrealdb_port)
        owner = ["-m", "activities.snapshots.surrealdb_server", "--state-dir", str(self.state_dir)]
        return [sys.executable, *owner, "--port", port]

    def start(self) -> None:
        """Starts the process, and returns when it listens."""
        size = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                tied(*self.command),
                cwd=ROOT,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + _PATIENCE
        while b"surrealdb listening on" not in self.log.read_bytes()[size:]:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the embedded SurrealDB did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.02)

    def kill(self) -> None:
        """As a crash ends it."""
        self._end(signal.SIGKILL)

    def stop(self) -> int | None:
        """As the stack stops it; its exit code."""
        return self._end(signal.SIGTERM)

    def pause(self) -> None:
        """It stays, and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def _end(self, how: signal.Signals) -> int | None:
        if self._process is None:
            return None
        self._process.send_signal(how)
        self._process.send_signal(signal.SIGCONT)
        code = self._process.wait(30)
        self._process = None
        return code

    async def restart_after_kill(self) -> None:
        """Kills it and starts it again; the event loop goes on meanwhile."""
        await asyncio.to_thread(self.kill)
        await asyncio.to_thread(self.start)


@pytest.fixture(scope="session")
def surrealdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedSurreal]:
    """The session's server. Whoever kills it uses `mortal_surrealdb` instead."""
    yield from _running(tmp_path_factory.mktemp("surrealdb") / "state")


@pytest.fixture
def mortal_surrealdb(tmp_path: Path) -> Iterator[EmbeddedSurreal]:
    """A server of the test's own."""
    yield from _running(tmp_path / "surrealdb-state")


def _running(state_dir: Path) -> Iterator[EmbeddedSurreal]:
    state_dir.mkdir()
    server = EmbeddedSurreal(state_dir)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
async def surreal_snapshots(surrealdb: EmbeddedSurreal) -> AsyncIterator[SurrealSnapshots]:
    store = SurrealSnapshots(surrealdb.settings)
    yield store
    await store.close()
