"""The composition root of the API: every part is made here, once, from the settings."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from activities import tracing
from activities.catalogue.cluster_types import ClusterCatalogue
from activities.infras import Infras
from activities.kcl.reader import KclSettings
from activities.mongo.stores import Stores, open_stores
from activities.provider_ports import ServerProviders
from activities.providers.registry import build_providers
from activities.request_trail import SendsRequestId
from activities.rollback_planning import RollbackPlanner
from activities.settings import Settings
from activities.temporal_access import TemporalAccess
from api.accounts import Accounts
from api.audit import Audit
from api.batches import Batches
from api.checkpoints import Checkpoints
from api.codec import Codec
from api.first_admin import FirstAdmin
from api.live.events import LiveEvents
from api.locks import Locks
from api.monitoring.prometheus import Exposition, Registry
from api.monitoring.watch import Monitoring, monitoring
from api.orchestrator import Orchestrator
from api.reachability import Reachability
from api.request_ids import current
from api.rollbacks import Rollbacks
from api.security.attempts import LoginAttempts
from api.security.keyring import keyring
from api.security.passwords import Passwords
from api.security.secret_box import SecretBox, secret_box
from api.security.tokens import Tokens
from api.submission import BatchDoor
from api.user_administration import UserAdministration
from api.watching import Watching
from api.workflow_door import WorkflowDoor
from api.workflows import Workflows

_PATIENCE_AT_START = 3.0
"""Seconds that the start waits for the first admin; later it goes on in the background."""


@dataclass(frozen=True)
class Services:
    """What the routes work with."""

    settings: Settings
    stores: Stores
    orchestrator: Orchestrator
    accounts: Accounts
    users: UserAdministration
    batches: Batches
    workflows: Workflows
    checkpoints: Checkpoints
    rollbacks: Rollbacks
    locks: Locks
    watching: Watching
    codec: Codec
    audit: Audit
    reachability: Reachability
    exposition: Exposition
    live: LiveEvents
    monitoring: Monitoring


class Prepared(NamedTuple):
    """What follows from the settings and the files that they name."""

    temporal: TemporalAccess
    tokens: Tokens
    box: SecretBox
    providers: ServerProviders
    door: BatchDoor
    workflow_door: WorkflowDoor


def prepare(settings: Settings) -> Prepared:
    """Made before anything is served, so that what cannot be used is told at once.

    Raises:
        SettingsError, ValueError: a setting or a catalogue folder cannot be used.
        OSError: the state directory cannot.
    """
    interceptors = (SendsRequestId(current), *tracing.start(settings, "provisioning-api"))
    temporal = TemporalAccess.of(settings, interceptors=interceptors)
    tokens = Tokens(keyring(settings), settings.token_lifetime, settings.session_lifetime)
    catalogue = ClusterCatalogue.from_settings(settings)
    providers = build_providers(settings)
    door = BatchDoor(
        providers,
        catalogue,
        max_operations=settings.max_operations,
        max_servers=settings.max_operations,
    )
    workflow_door = WorkflowDoor(KclSettings(Infras(settings.infra_dir)), catalogue, providers)
    return Prepared(temporal, tokens, secret_box(settings), providers, door, workflow_door)


@contextlib.asynccontextmanager
async def services(settings: Settings, prepared: Prepared, registry: Registry) -> AsyncIterator[Services]:
    """All parts, running. Starts whether or not MongoDB and Temporal are there, and finds them later."""
    passwords = Passwords()
    orchestrator = Orchestrator(prepared.temporal, settings.task_queue)
    locks = Locks(orchestrator, settings.task_queue)
    stores = open_stores(settings)
    watching = Watching(stores.read_model, stores.snapshots, orchestrator)
    first_admin = asyncio.create_task(FirstAdmin(stores.users, passwords, settings).ensure())
    accounts = Accounts(
        users=stores.users,
        revoked=stores.revoked_tokens,
        attempts=LoginAttempts(stores.login_attempts, timedelta(seconds=settings.login_window)),
        passwords=passwords,
        tokens=prepared.tokens,
        box=prepared.box,
        ready=first_admin.done,
    )
    live = LiveEvents(stores.event_log, stores.event_signals, accounts)
    background = (first_admin, asyncio.create_task(live.follow(), name="live events"))
    try:
        await asyncio.wait({first_admin}, timeout=_PATIENCE_AT_START)
        async with monitoring(settings, stores, orchestrator, prepared.providers, live.hand_on) as looking:
            yield Services(
                settings=settings,
                stores=stores,
                orchestrator=orchestrator,
                accounts=accounts,
                users=UserAdministration(stores.users, passwords, prepared.box),
                batches=Batches(prepared.door, stores.read_model, orchestrator, watching),
                workflows=Workflows(prepared.workflow_door, stores.read_model, orchestrator),
                checkpoints=Checkpoints(stores.checkpoints, stores.inventory),
                rollbacks=Rollbacks(
                    RollbackPlanner(stores.ledger, stores.read_model, stores.checkpoints),
                    stores.rollbacks,
                    stores.read_model,
                    orchestrator,
                    locks,
                ),
                locks=locks,
                watching=watching,
                codec=Codec(prepared.temporal.converter),
                audit=Audit(stores.audit, stores.users),
                reachability=Reachability(),
                exposition=Exposition(registry, stores.read_model, locks, looking.monitor),
                live=live,
                monitoring=looking,
            )
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await stores.close()
