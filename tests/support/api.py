"""The API in this process, on a real Temporal server and a real MongoDB, with data of its own."""

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
from activities.providers.registry import build_local
from activities.settings import Settings
from api.app import create_app
from api.lifespan import Services
from tests.support.mongodb import EmbeddedMongo

PASSWORD = "correct horse battery staple"


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
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://api")

    async def token(self, username: str, password: str = PASSWORD) -> str:
        body = {"username": username, "password": password}
        answer = await self.client.post("/auth/login", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["data"]["token"])

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
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client,
    ):
        api = Api(settings, app, temporal, client)
        client.headers["Authorization"] = f"Bearer {await api.token('admin')}"
        yield api


def api_settings(state_dir: Path, mongodb: EmbeddedMongo, temporal: Client) -> Settings:
    """A database, a task queue and a state directory that nobody else uses."""
    identity = uuid4().hex
    return Settings(
        state_dir=state_dir,
        mongodb_uri=SecretStr(mongodb.uri),
        mongodb_database=f"test-{identity}",
        temporal_address=temporal.service_client.config.target_host,
        task_queue=f"test-{identity}",
        admin_password=SecretStr(PASSWORD),
        local_isolation="process",
    )


@pytest.fixture(scope="module")
async def api(
    mongodb: EmbeddedMongo, temporal: Client, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Api]:
    settings = api_settings(tmp_path_factory.mktemp("api"), mongodb, temporal)
    try:
        async with running_api(settings, temporal) as api:
            yield api
    finally:
        # Local servers outlive whoever made them, by design.
        await build_local(settings).remove_all()
