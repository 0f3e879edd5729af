"""The API in this process, on a real Temporal server and a real MongoDB, with data of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from temporalio.client import Client

from activities.ports import User
from activities.providers.local.entry import build_local
from activities.settings import Settings
from api.app import create_app
from api.lifespan import Services
from deploy.local.ports import free_port
from tests.support.contract_check import checked_client
from tests.support.mongodb import EmbeddedMongo
from tests.support.surrealdb import EmbeddedSurreal

PASSWORD = "correct horse battery staple"

_PATIENCE = 120
"""Seconds for a busy machine."""


async def log_in(client: httpx.AsyncClient, username: str, password: str) -> str:
    """A token. On a busy machine a service that has started may still be making its first admin."""
    body = {"username": username, "password": password}
    async with asyncio.timeout(_PATIENCE):
        answer = await client.post("/auth/login", json=body)
        while answer.status_code == 503:
            await asyncio.sleep(0.1)
            answer = await client.post("/auth/login", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["token"])


@dataclass(frozen=True)
class Api:
    """An API that runs, and a client that is logged in as its admin."""

    settings: Settings
    app: FastAPI
    temporal: Client
    client: httpx.AsyncClient

    @property
    def services(self) -> Services:
        services = self.app.state.services
        assert isinstance(services, Services)
        return services

    def anonymous(self) -> httpx.AsyncClient:
        return checked_client(transport=httpx.ASGITransport(self.app), base_url="http://api")

    async def token(self, username: str, password: str = PASSWORD) -> str:
        return await log_in(self.client, username, password)

    async def user(self, *roles: str, disabled: bool = False) -> User:
        """Another user, with the common password."""
        admin = await self.services.stores.users.by_name("admin")
        assert admin is not None
        identity = str(uuid4())
        changes = {"id": identity, "username": identity, "roles": roles, "disabled": disabled}
        user = admin.model_copy(update=changes)
        assert await self.services.stores.users.add(user)
        return user


@contextlib.asynccontextmanager
async def running_api(settings: Settings, temporal: Client) -> AsyncIterator[Api]:
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        checked_client(transport=httpx.ASGITransport(app), base_url="http://api") as client,
    ):
        api = Api(settings, app, temporal, client)
        client.headers["Authorization"] = f"Bearer {await api.token('admin')}"
        yield api


def api_settings(
    state_dir: Path, mongodb: EmbeddedMongo, temporal: Client, surrealdb: EmbeddedSurreal | None = None
) -> Settings:
    """A database, a task queue and a state directory that nobody else uses.

    Without `surrealdb` there is none.
    """
    identity = uuid4().hex
    return Settings(
        state_dir=state_dir,
        mongodb_uri=SecretStr(mongodb.uri),
        mongodb_database=f"test-{identity}",
        temporal_address=temporal.service_client.config.target_host,
        task_queue=f"test-{identity}",
        admin_password=SecretStr(PASSWORD),
        local_isolation="process",
        surrealdb_port=free_port(),
        **(surrealdb.as_a_server if surrealdb is not None else {}),
    )


@pytest.fixture(scope="module")
async def api(
    mongodb: EmbeddedMongo,
    temporal: Client,
    surrealdb: EmbeddedSurreal,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Api]:
    settings = api_settings(tmp_path_factory.mktemp("api"), mongodb, temporal, surrealdb)
    try:
        async with running_api(settings, temporal) as api:
            yield api
    finally:
        # Local servers outlive whoever made them, by design.
        await build_local(settings).remove_all()


@pytest.fixture(scope="module")
async def other_api(api: Api, temporal: Client) -> AsyncIterator[Api]:
    """Another API on the same database, as another process is."""
    async with running_api(api.settings, temporal) as other:
        yield other
