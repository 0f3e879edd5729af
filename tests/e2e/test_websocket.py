"""The live event stream, served by a real process."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from activities.mongo.stores import Stores, open_stores
from activities.ports import User
from api.security.keyring import keyring
from api.security.tokens import Tokens
from tests.support.api import api_settings
from tests.support.contract_check import checked_client
from tests.support.live import ApiProcess, api_process, receive, sequence
from tests.support.mongodb import EmbeddedMongo
from workflows.domain.events import Event, EventType


@pytest.fixture(scope="module")
async def process(
    mongodb: EmbeddedMongo, temporal: Client, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ApiProcess]:
    folder = tmp_path_factory.mktemp("live")
    async with api_process(api_settings(folder / "state", mongodb, temporal), folder / "output") as process:
        yield process


@pytest.fixture(scope="module")
async def stores(process: ApiProcess) -> AsyncIterator[Stores]:
    stores = open_stores(process.settings)
    yield stores
    await stores.close()


@pytest.fixture(scope="module")
async def token(process: ApiProcess) -> str:
    return await process.token()


def event(name: str, kind: EventType = EventType.LOG_ENTRY) -> Event:
    return Event(
        id=name, event_type=kind, timestamp=datetime.now(UTC), data={"line": name}, metadata={"task_id": "t"}
    )


async def ours(client: ClientConnection, number: int) -> list[dict[str, Any]]:
    """The next so many events of `event`; the service has events of its own in between."""
    found: list[dict[str, Any]] = []
    while len(found) < number:
        found += [one for one in await receive(client, 1) if "line" in one["data"]]
    return found


async def refused(
    process: ApiProcess, token: str | None, path: str = "/ws", **query: object
) -> InvalidStatus:
    with pytest.raises(InvalidStatus) as error:
        async with process.follow(token, path, **query):
            pass
    body = error.value.response.body
    assert body is not None
    assert json.loads(body)["success"] is False
    return error.value


async def test_a_client_gets_what_happens_from_then_on_as_the_contract_says(
    process: ApiProcess, stores: Stores, token: str
) -> None:
    async with process.follow(token) as client:
        await stores.event_log.append([event("one"), event("two", EventType.METRIC_UPDATE)])
        first, second = await ours(client, 2)
    assert first.keys() == {"event_type", "timestamp", "data", "metadata"}
    assert (first["event_type"], first["data"]) == ("LogEntry", {"line": "one"})
    assert first["metadata"]["task_id"] == "t"
    assert first["metadata"]["event_id"] == "one"
    assert second["metadata"]["event_id"] == "two"
    assert sequence(second) > sequence(first)


async def test_a_filter_lets_only_its_types_through(process: ApiProcess, stores: Stores, token: str) -> None:
    start = await stores.event_log.last()
    kinds = [EventType.LOG_ENTRY, EventType.METRIC_UPDATE, EventType.SYSTEM_HEALTH_UPDATE]
    wanted = "MetricUpdate,SystemHealthUpdate"
    async with process.follow(token, events=wanted) as live:
        await stores.event_log.append([event(f"filter-{i}", kinds[i % 3]) for i in range(9)])
        found = await ours(live, 6)
        async with process.follow(token, events=wanted, since=start) as replayed:
            assert await ours(replayed, 6) == found
    assert [one["data"]["line"] for one in found] == [f"filter-{i}" for i in (1, 2, 4, 5, 7, 8)]


async def test_since_gives_the_past_and_goes_on_live(process: ApiProcess, stores: Stores, token: str) -> None:
    start = await stores.event_log.last()
    await stores.event_log.append([event(f"past-{i}") for i in range(2_500)])
    async with process.follow(token, since=start) as client:
        await stores.event_log.append([event(f"live-{i}") for i in range(500)])
        found = await receive(client, 3_000)
    assert [sequence(one) for one in found] == list(range(start + 1, start + 3_001))


async def test_a_token_may_be_in_the_header(process: ApiProcess, stores: Stores, token: str) -> None:
    client = process.follow(None)
    client.additional_headers = {"Authorization": f"Bearer {token}"}
    async with client as connected:
        await stores.event_log.append([event("by header")])
        await receive(connected, 1)


async def test_a_browser_names_its_token_as_a_subprotocol(process: ApiProcess, token: str) -> None:
    offered = [Subprotocol("provisioning.events"), Subprotocol(f"provisioning.bearer.{token}")]
    async with connect(f"ws://{process.url}/ws", subprotocols=offered, proxy=None) as connected:
        # What was chosen is repeated in the answer, and so is never the token.
        assert connected.subprotocol == "provisioning.events"
    assert token not in process.output.read_text()


@pytest.mark.parametrize("given", [None, "", "a.b.c", "nonsense"])
async def test_a_bad_token_is_refused_at_the_handshake(process: ApiProcess, given: str | None) -> None:
    error = await refused(process, given)
    assert error.response.status_code == 401
    assert error.response.headers["WWW-Authenticate"] == "Bearer"
    assert error.response.headers["X-Request-ID"]


async def test_what_cannot_be_subscribed_to_is_refused_at_the_handshake(
    process: ApiProcess, stores: Stores, token: str
) -> None:
    error = await refused(process, token, events="LogEntry,Nonsense")
    assert error.response.status_code == 422
    assert b"Nonsense" in (error.response.body or b"")
    beyond = await stores.event_log.last() + 1
    for since in ("x", "-1", str(beyond)):
        assert (await refused(process, token, since=since)).response.status_code == 422


async def test_a_plain_request_is_told_to_upgrade(process: ApiProcess, token: str) -> None:
    async with checked_client(base_url=f"http://{process.url}", trust_env=False) as client:
        for answer in (
            await client.get("/ws", params={"token": token}),
            await client.get("/ws", headers={"Authorization": f"Bearer {token}"}),
        ):
            assert answer.status_code == 426
            assert answer.headers["upgrade"] == "websocket"
            assert answer.json()["success"] is False
        assert (await client.get("/ws")).status_code == 401
        assert (await client.get("/ws", params={"token": token, "events": "x"})).status_code == 422
        assert (await client.get("/tasks", params={"token": token})).status_code == 401


async def test_a_websocket_elsewhere_is_not_found(process: ApiProcess, token: str) -> None:
    for path in ("/tasks", "/nowhere"):
        assert (await refused(process, token, path=path)).response.status_code == 404


async def test_a_flood_and_a_large_message_end_the_connection(process: ApiProcess, token: str) -> None:
    async with process.follow(token) as client:
        with contextlib.suppress(ConnectionClosed):  # or all of it is sent before the service has read it
            for _ in range(10_000):
                await client.send("x")
                await asyncio.sleep(0)
        assert (await ended(client))[0] == 1008
    async with process.follow(token) as client:
        with contextlib.suppress(ConnectionClosed):
            await client.send("x" * 100_000)
        assert (await ended(client))[0] == 1009


async def test_no_token_reaches_the_log(process: ApiProcess, token: str) -> None:
    async with process.follow(token):
        pass
    await refused(process, token, events="x")
    logged = process.output.read_text()
    assert "'/ws'" in logged
    assert token not in logged
    assert "token=" not in logged


async def ended(client: ClientConnection) -> tuple[int, str]:
    """How the service ends the connection; events before it are let pass."""
    async with asyncio.timeout(60):
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await client.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


async def a_user(stores: Stores) -> User:
    admin = await stores.users.by_name("admin")
    assert admin is not None
    identity = str(uuid4())
    user = admin.model_copy(update={"id": identity, "username": identity, "roles": ("viewer",)})
    assert await stores.users.add(user)
    return user


async def test_the_connection_ends_when_its_token_expires(
    process: ApiProcess, stores: Stores, token: str
) -> None:
    user = await a_user(stores)
    tokens = Tokens(keyring(process.settings), lifetime=10, session_lifetime=3600)
    issued = tokens.issue(user.id, user.token_version)
    async with process.follow(issued.token) as client:
        code, reason = await ended(client)
    assert datetime.now(UTC) >= issued.expires_at
    assert (code, "token" in reason) == (4401, True)
    assert (await refused(process, issued.token)).response.status_code == 401


async def test_the_connection_ends_when_its_user_is_disabled_or_loses_the_role(
    process: ApiProcess, stores: Stores, token: str
) -> None:
    for change, expected in ({"disabled": True}, 4401), ({"roles": ()}, 4403):
        user = await a_user(stores)
        own = await process.token(user.username)
        async with process.follow(own) as client, process.follow(token) as other:
            current = await stores.users.by_id(user.id)
            assert current is not None
            assert await stores.users.replace(current.model_copy(update=change))
            assert (await ended(client))[0] == expected
            await stores.event_log.append([event(f"others go on {user.id}")])
            await receive(other, 1)


async def test_a_stop_tells_the_clients_to_come_back(process: ApiProcess, stores: Stores, token: str) -> None:
    """The last test of this module: it stops the process."""
    async with process.follow(token) as client:
        stopping = asyncio.create_task(process.end())
        assert (await ended(client))[0] == 1012
        assert await stopping == 0
