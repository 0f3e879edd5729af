"""The composition root of the API: every part is made here, once, from the settings."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NamedTuple

from activities.catalogue.catalogue import Catalogue, catalogue_folders
from activities.mongo.stores import Stores, open_stores
from activities.providers.registry import build_providers
from activities.settings import Settings
from api.accounts import Accounts, FirstAdmin
from api.batches import Batches
from api.orchestrator import Orchestrator
from api.security.passwords import Passwords
from api.security.secret_files import kept_secret
from api.security.tokens import Tokens
from api.submission import BatchDoor
from api.watching import Watching

_PATIENCE_AT_START = 3.0
"""Seconds that the start waits for the first admin; later it goes on in the background."""


@dataclass(frozen=True)
class Services:
    """What the routes work with."""

    settings: Settings
    stores: Stores
    orchestrator: Orchestrator
    accounts: Accounts
    batches: Batches
    watching: Watching


class Prepared(NamedTuple):
    """What follows from the settings and the files that they name."""

    tokens: Tokens
    door: BatchDoor


def prepare(settings: Settings) -> Prepared:
    """Made before anything is served, so that what cannot be used is told at once.

    Raises:
        ValueError: a setting or a catalogue folder cannot be used.
        OSError: the state directory cannot.
    """
    tokens = Tokens(_jwt_secret(settings), settings.token_lifetime)
    door = BatchDoor(
        build_providers(settings),
        Catalogue.load(catalogue_folders(settings)),
        max_operations=settings.max_operations,
        max_servers=settings.max_operations,
    )
    return Prepared(tokens, door)


@contextlib.asynccontextmanager
async def services(settings: Settings, prepared: Prepared) -> AsyncIterator[Services]:
    """All parts, running. Starts whether or not MongoDB and Temporal are there, and finds them later."""
    passwords = Passwords()
    orchestrator = Orchestrator(settings.temporal_target, settings.temporal_namespace, settings.task_queue)
    stores = open_stores(settings)
    watching = Watching(stores.read_model, stores.snapshots, orchestrator)
    first_admin = asyncio.create_task(FirstAdmin(stores.users, passwords, settings).ensure())
    try:
        await asyncio.wait({first_admin}, timeout=_PATIENCE_AT_START)
        yield Services(
            settings=settings,
            stores=stores,
            orchestrator=orchestrator,
            accounts=Accounts(stores.users, passwords, prepared.tokens, ready=first_admin.done),
            batches=Batches(prepared.door, stores.read_model, orchestrator, watching),
            watching=watching,
        )
    finally:
        first_admin.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await first_admin
        await stores.close()


def _jwt_secret(settings: Settings) -> str:
    if settings.jwt_secret is not None:
        return settings.jwt_secret.get_secret_value()
    return kept_secret(settings.state_dir / "jwt-secret").value
