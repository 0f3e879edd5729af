"""A real embedded MongoDB for the tests: one process a session, one database a test."""

import asyncio
import contextlib
import signal
import subprocess
import sysconfig
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pymongo
import pytest
from pymongo.errors import PyMongoError

from activities.mongo.connection import Connection
from activities.mongo.stores import Stores, open_stores
from activities.settings import Settings
from deploy.local.ports import free_port
from deploy.local.program import tied

_PATIENCE = 120.0


class EmbeddedMongo:
    """A server process of our own, in a folder of its own, at a port that stays the same."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._config = folder / "server.toml"
        self._config.write_text("")
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def uri(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true&retryWrites=false"

    def start(self) -> None:
        """Starts the server, and returns when it answers."""
        program = Path(sysconfig.get_path("scripts")) / "secantusd-py"
        size = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                tied(
                    *(str(program), "--config", str(self._config), "--host", "127.0.0.1"),
                    *("--port", str(self.port), "--storage-path", str(self._folder / "data")),
                    *("--sync-on-commit", "--cache-size", "256M", "--noop-heartbeat-seconds", "10"),
                ),
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + _PATIENCE
        while not self._answers(size):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the embedded MongoDB did not start:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.05)

    def _answers(self, since: int) -> bool:
        if b"secantus listening on" not in self._log.read_bytes()[since:]:
            return False
        try:
            with pymongo.MongoClient[dict[str, object]](self.uri, serverSelectionTimeoutMS=500) as client:
                client.admin.command("ping")
        except PyMongoError:
            return False
        return True

    def kill(self) -> None:
        """As a crash ends it."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    async def restart_after_kill(self, seconds_away: float = 0.0) -> None:
        """Kills it, and starts it again after a while; the event loop goes on meanwhile."""
        await asyncio.to_thread(self.kill)
        await asyncio.sleep(seconds_away)
        await asyncio.to_thread(self.start)


@contextlib.asynccontextmanager
async def opened_stores(settings: Settings) -> AsyncIterator[Stores]:
    """Closed at the end however that comes: a client that is left open fails the test after this one."""
    stores = open_stores(settings)
    try:
        yield stores
    finally:
        await stores.close()


@pytest.fixture(scope="session")
def mongodb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedMongo]:
    """The session's server. Whoever kills it uses `mortal_mongodb` instead."""
    yield from _running(tmp_path_factory.mktemp("mongodb"))


@pytest.fixture
def mortal_mongodb(tmp_path: Path) -> Iterator[EmbeddedMongo]:
    """A server of the test's own."""
    yield from _running(tmp_path)


def _running(folder: Path) -> Iterator[EmbeddedMongo]:
    server = EmbeddedMongo(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def database_name() -> str:
    return f"test-{uuid4().hex}"


@pytest.fixture
def connect(mongodb: EmbeddedMongo, database_name: str) -> Iterator[Callable[[], Connection]]:
    """Opens connections to a database that nobody else uses; each is like a process of its own."""
    opened: list[Connection] = []

    def open_one() -> Connection:
        opened.append(Connection(mongodb.uri, database_name))
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()


@pytest.fixture
def connection(connect: Callable[[], Connection]) -> Connection:
    return connect()


@pytest.fixture
def raw_database(
    mongodb: EmbeddedMongo, database_name: str
) -> Iterator[pymongo.database.Database[dict[str, object]]]:
    """The same database, as an operator with a shell would see it."""
    with pymongo.MongoClient[dict[str, object]](mongodb.uri) as client:
        yield client[database_name]
