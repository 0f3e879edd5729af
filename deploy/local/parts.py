"""The processes of the stack: their commands, their environment, and how to tell that they serve."""

import asyncio
import os
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr
from temporalio.client import Client

from activities.mongo.connection import Connection
from activities.settings import PREFIX, Settings
from activities.snapshots.surrealdb.access import access
from activities.snapshots.surrealdb.connection import SurrealConnection
from activities.temporal_access import TemporalAccess
from deploy.local.errors import NotInstalled
from deploy.local.program import Program
from deploy.local.state_dir import StateDir
from workflows.domain.errors import Unavailable

# The default of 20 polls a second makes each hop of a workflow wait up to 50 ms.
_POLL_RATES = tuple(
    f"--dynamic-config-value=history.{queue}ProcessorMaxPollRPS=2000"
    for queue in ("transfer", "timer", "visibility")
)


_OWN = 0o077
"""What databases write is nobody else's to read, also in a state directory that others may enter."""


def environment_of(settings: Settings, inherited: Mapping[str, str]) -> dict[str, str]:
    """`inherited`, with exactly these settings in it."""
    environment = {name: value for name, value in inherited.items() if not name.startswith(PREFIX)}
    for name, value in settings:
        if value is not None:
            plain = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            environment[PREFIX + name.upper()] = plain
    # Without the marks in a traceback's lines: making them can fail under Python 3.11 (see the Makefile).
    return environment | {"PYTHONUNBUFFERED": "1", "PYTHONNODEBUGRANGES": "1"}


def installed(name: str) -> str:
    """The absolute path of a program that came with the locked dependencies.

    Raises:
        NotInstalled: it is not there, or may not be run.
    """
    path = Path(sysconfig.get_path("scripts")) / name
    if not os.access(path, os.X_OK):
        raise NotInstalled(f"the program {path} is missing; `make setup` installs it")
    return str(path)


def temporal(settings: Settings, state_dir: StateDir) -> Program:
    """The Temporal development server, with its data in the state directory."""
    command = [
        installed("temporal"),
        *("server", "start-dev"),
        *("--ip", "127.0.0.1"),
        *("--port", str(settings.temporal_port)),
        *("--ui-port", str(settings.temporal_ui_port)),
        *("--db-filename", str(state_dir.path / "temporal.db")),
        *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=1"),
        *_POLL_RATES,
        *("--namespace", settings.temporal_namespace),
        # Nothing but these arguments decides, and nothing is looked up on the internet.
        *("--disable-config-file", "--disable-config-env", "--ui-disable-news-fetch"),
        *("--log-level", "warn", "--color", "never"),
    ]

    async def is_up(printed: str) -> bool:
        return "Temporal Server:" in printed and await temporal_answers(settings) is not None

    return Program("temporal", tuple(command), _bare_environment(), patience=5, is_up=is_up, umask=_OWN)


async def temporal_answers(settings: Settings) -> Client | None:
    """A client, if the Temporal server answers within two seconds."""
    try:
        async with asyncio.timeout(2):
            return await TemporalAccess.of(settings).client()
    except (RuntimeError, TimeoutError):  # what the SDK raises when it cannot connect
        return None


def mongodb(settings: Settings, state_dir: StateDir) -> Program:
    """The embedded MongoDB: a separate program that speaks MongoDB's protocol."""
    config = state_dir.path / "mongodb.toml"
    # Its own file keeps it from reading one in the current directory, the home or /etc.
    config.write_text("# Everything is set on the command line.\n")
    command = [
        installed("secantusd-py"),
        *("--config", str(config)),
        *("--host", "127.0.0.1", "--port", str(settings.mongodb_port)),
        *("--storage-path", str(state_dir.path / "mongodb")),
        *("--sync-on-commit", "--cache-size", "256M", "--noop-heartbeat-seconds", "10"),
    ]

    async def is_up(printed: str) -> bool:
        return "secantus listening on" in printed and await _mongodb_answers(settings)

    return Program("mongodb", tuple(command), _bare_environment(), patience=10, is_up=is_up, umask=_OWN)


async def _mongodb_answers(settings: Settings) -> bool:
    connection = Connection(settings.mongodb_target, settings.mongodb_database)
    try:
        await connection.ping()
    except Unavailable:
        return False
    finally:
        connection.close()
    return True


def surrealdb(settings: Settings, state_dir: StateDir) -> Program:
    """The embedded SurrealDB: the one process that may have its database open."""
    command = [
        *(sys.executable, "-m", "activities.snapshots.surrealdb_server"),
        *("--state-dir", str(state_dir.path), "--port", str(settings.surrealdb_port)),
        *("--namespace", settings.surrealdb_namespace, "--database", settings.surrealdb_database),
    ]

    async def is_up(printed: str) -> bool:
        return "surrealdb listening on" in printed and await _surrealdb_answers(settings)

    return Program("surrealdb", tuple(command), _bare_environment(), patience=10, is_up=is_up)


async def _surrealdb_answers(settings: Settings) -> bool:
    connection = SurrealConnection(lambda: access(settings))
    try:
        await connection.query("RETURN NONE")
    except Unavailable:
        return False
    finally:
        await connection.close()
    return True


def _bare_environment() -> dict[str, str]:
    """Without our settings: they hold secrets that these programs need not see."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


def api(settings: Settings) -> Program:
    """The HTTP service."""
    command = (sys.executable, "-m", "api")
    return Program("api", command, environment_of(settings, os.environ), patience=5)


def workers(settings: Settings) -> list[Program]:
    """`worker-1` and so on. They have some seconds to finish what they are doing."""
    return [
        Program(
            f"worker-{number}", (sys.executable, "-m", "worker"), _of_worker(settings, number), patience=10
        )
        for number in range(1, settings.workers + 1)
    ]


def _of_worker(settings: Settings, number: int) -> dict[str, str]:
    """Each serves its metrics at a port of its own."""
    first = settings.worker_metrics_port
    port = None if first is None else first + number - 1
    return environment_of(settings.model_copy(update={"worker_metrics_port": port}), os.environ)
