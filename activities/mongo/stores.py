"""Everything that is kept, put together from the settings."""

from dataclasses import dataclass
from datetime import timedelta

from activities.audit_ports import AuditLog
from activities.ledger_ports import Inventory, InventoryRebuild, Ledger
from activities.login_ports import LoginAttemptStore, RevokedTokenStore
from activities.mongo.announcements import MongoAnnouncements
from activities.mongo.audit import MongoAuditLog
from activities.mongo.checkpoints import MongoCheckpoints
from activities.mongo.claims import MongoClaimStore
from activities.mongo.connection import Connection
from activities.mongo.event_log import MongoEventLog
from activities.mongo.event_signals import MongoEventSignals
from activities.mongo.inventory import MongoInventory
from activities.mongo.inventory_rebuild import MongoInventoryRebuild
from activities.mongo.ledger import MongoLedger
from activities.mongo.live_output import LiveOutput
from activities.mongo.log_sink import MongoLogSink
from activities.mongo.login_attempts import MongoLoginAttempts
from activities.mongo.probe import Probe
from activities.mongo.read_model import MongoReadModel
from activities.mongo.revoked_tokens import MongoRevokedTokens
from activities.mongo.rollbacks import MongoRollbacks
from activities.mongo.snapshot_outbox import MongoSnapshotOutbox
from activities.mongo.users import MongoUserStore
from activities.mongo.workers import MongoWorkerRegistry
from activities.monitoring_ports import Announcements, WorkerRegistry
from activities.ports import (
    ClaimStore,
    EventLog,
    EventSignals,
    LogSink,
    ReadModel,
    UserStore,
)
from activities.rollback_ports import CheckpointStore, RollbackStore
from activities.settings import Settings
from activities.snapshots.registry import SnapshotRegistry, open_snapshots

_LAST_LINES = 3.0
"""Seconds for the log lines that still wait when everything is closed."""


@dataclass(frozen=True)
class Stores:
    """The ports behind which data is kept, for the worker and the API."""

    ledger: Ledger
    inventory: Inventory
    inventory_rebuild: InventoryRebuild
    read_model: ReadModel
    event_log: EventLog
    event_signals: EventSignals
    snapshots: SnapshotRegistry
    checkpoints: CheckpointStore
    rollbacks: RollbackStore
    users: UserStore
    login_attempts: LoginAttemptStore
    revoked_tokens: RevokedTokenStore
    claims: ClaimStore
    audit: AuditLog
    logs: LogSink
    workers: WorkerRegistry
    health_announcements: Announcements
    _probe: Probe
    _sink: MongoLogSink
    _signals: MongoEventSignals
    _connection: Connection

    async def ping(self) -> None:
        """Raises Unavailable where the database does not answer."""
        await self._connection.ping()

    async def check(self) -> None:
        """Raises Unavailable where the database does not answer, or does not keep what is written."""
        await self._connection.ping()
        await self._probe.write_and_read()

    async def close(self) -> None:
        """Stores the log lines that wait, for a few seconds, and lets go of the databases."""
        await self._sink.close(_LAST_LINES)
        await self._signals.close()
        await self.snapshots.close()
        self._connection.close()


def open_stores(settings: Settings) -> Stores:
    """Opens everything. Nothing is connected to yet, so this works while the database is away."""
    connection = Connection(settings.mongodb_target, settings.mongodb_database)
    ledger = MongoLedger(connection)
    inventory = MongoInventory(connection, ledger)
    event_log = MongoEventLog(connection)
    signals = MongoEventSignals(connection)
    sink = MongoLogSink(event_log, LiveOutput(connection))
    return Stores(
        ledger=ledger,
        inventory=inventory,
        inventory_rebuild=MongoInventoryRebuild(ledger, inventory),
        read_model=MongoReadModel(connection),
        event_log=event_log,
        event_signals=signals,
        snapshots=open_snapshots(settings, MongoSnapshotOutbox(connection)),
        checkpoints=MongoCheckpoints(connection),
        rollbacks=MongoRollbacks(connection),
        users=MongoUserStore(connection),
        login_attempts=MongoLoginAttempts(connection),
        revoked_tokens=MongoRevokedTokens(connection),
        claims=MongoClaimStore(connection),
        audit=MongoAuditLog(connection, timedelta(days=settings.audit_retention_days)),
        logs=sink,
        workers=MongoWorkerRegistry(connection),
        health_announcements=MongoAnnouncements(connection, "health"),
        _probe=Probe(connection),
        _sink=sink,
        _signals=signals,
        _connection=connection,
    )
