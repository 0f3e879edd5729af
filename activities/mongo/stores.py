"""Everything that is kept, put together from the settings."""

from dataclasses import dataclass

from activities.mongo.connection import Connection
from activities.mongo.event_log import MongoEventLog
from activities.mongo.inventory import MongoInventory
from activities.mongo.ledger import MongoLedger
from activities.mongo.live_output import LiveOutput
from activities.mongo.log_sink import MongoLogSink
from activities.mongo.read_model import MongoReadModel
from activities.mongo.users import MongoUserStore
from activities.ports import EventLog, Inventory, Ledger, LogSink, ReadModel, SnapshotStore, UserStore
from activities.settings import Settings
from activities.snapshots.filesystem import FilesystemSnapshots

_LAST_LINES = 3.0
"""Seconds for the log lines that still wait when everything is closed."""


@dataclass(frozen=True)
class Stores:
    """The ports behind which data is kept, for the worker and the API."""

    ledger: Ledger
    inventory: Inventory
    read_model: ReadModel
    event_log: EventLog
    snapshots: SnapshotStore
    users: UserStore
    logs: LogSink
    _sink: MongoLogSink
    _connection: Connection

    async def ping(self) -> None:
        """Raises Unavailable where the database does not answer."""
        await self._connection.ping()

    async def close(self) -> None:
        """Stores the log lines that wait, for a few seconds, and lets go of the database."""
        await self._sink.close(_LAST_LINES)
        self._connection.close()


def open_stores(settings: Settings) -> Stores:
    """Opens everything. Nothing is connected to yet, so this works while the database is away."""
    connection = Connection(settings.mongodb_target, settings.mongodb_database)
    ledger = MongoLedger(connection)
    event_log = MongoEventLog(connection)
    sink = MongoLogSink(event_log, LiveOutput(connection))
    return Stores(
        ledger=ledger,
        inventory=MongoInventory(connection, ledger),
        read_model=MongoReadModel(connection),
        event_log=event_log,
        snapshots=FilesystemSnapshots(settings.state_dir / "snapshots"),
        users=MongoUserStore(connection),
        logs=sink,
        _sink=sink,
        _connection=connection,
    )
