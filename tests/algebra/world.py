"""The product under test: its API and a worker with real local servers, for callers without an event loop.

Hypothesis calls its rules one after the other and knows no loop, so everything real runs in the loop of a
thread of its own. Each `Product` begins with an empty database, an empty state directory and a queue of its
own, so whatever an example did, the next one does not meet it.
"""

import asyncio
import contextlib
import os
import re
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

import httpx
from temporalio.client import Client

from activities.assembly import assemble
from activities.catalogue.cluster_types import ClusterCatalogue
from activities.mongo.stores import Stores
from activities.providers.local.entry import build_local
from activities.providers.local.provider import LocalProvider
from activities.providers.registry import build_providers
from activities.remote.door import SshDoor
from activities.settings import Settings
from api.app import create_app
from tests.support.api import PASSWORD, api_settings, log_in
from tests.support.mongodb import EmbeddedMongo
from tests.support.taskservs import TEST_CATALOGUE
from tests.support.temporal import connect
from worker import create_worker

T = TypeVar("T")

_PATIENCE = 300.0
"""Seconds after which a call is taken for stuck."""


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="the real world", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, or what it raised."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)

    @contextlib.contextmanager
    def entered(self, context: Callable[[], AbstractAsyncContextManager[T]]) -> Iterator[T]:
        """An asynchronous context, from its beginning to its end in one task, as such contexts want it."""
        begun: Future[T] = Future()
        ending = asyncio.Event()

        async def stay() -> None:
            try:
                async with context() as value:
                    begun.set_result(value)
                    await ending.wait()
            except BaseException as error:
                if begun.done():
                    raise
                begun.set_exception(error)

        staying = asyncio.run_coroutine_threadsafe(stay(), self._loop)
        try:
            yield begun.result(_PATIENCE)
        finally:
            self._loop.call_soon_threadsafe(ending.set)
            staying.result(_PATIENCE)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Answer(NamedTuple):
    status: int
    data: Any
    """None where it is an error."""
    error: str


class Seen(NamedTuple):
    """The world as it is found, in four ways."""

    inventory: list[dict[str, Any]]
    rebuild: dict[str, Any]
    """What the ledger's replay differs in from the inventory."""
    listing: dict[str, bool]
    """The provider's own: `infra/name`, and whether it runs."""
    processes: Counter[str]
    """Server and command of each process of a server."""
    messages: dict[str, str]
    """What the task services answer, by their addresses."""


class Product:
    """An API and a worker, and what they made."""

    def __init__(
        self,
        loop: Loop,
        *,
        api: httpx.AsyncClient,
        http: httpx.AsyncClient,
        temporal: Client,
        provider: LocalProvider,
        state_dir: Path,
    ) -> None:
        self._loop = loop
        self._api = api
        self._http = http
        self._temporal = temporal
        self._provider = provider
        self._servers = state_dir.resolve() / "servers"
        self.infra = f"algebra-{uuid4().hex[:12]}"
        """One that nobody else on the same Temporal server works on."""

    def submit(self, body: Mapping[str, object]) -> Any:
        """Executes a batch; what the API tells of it when it has ended."""
        return self._loop.run(self._submit(body))

    def post(self, path: str, body: Mapping[str, object] | None = None) -> Answer:
        return self._loop.run(self._post(path, body))

    def look(self) -> Seen:
        return self._loop.run(self._look())

    async def _submit(self, body: Mapping[str, object]) -> Any:
        answer = await self._post("/batch/execute", body)
        assert answer.status == 200, answer
        batch_id = answer.data["batch_id"]
        await self._temporal.get_workflow_handle(batch_id).result()
        return await self._get(f"/batch/operations/{batch_id}")

    async def _post(self, path: str, body: Mapping[str, object] | None) -> Answer:
        answer = await self._api.post(path, json=body)
        content = answer.json()
        return Answer(answer.status_code, content.get("data"), content.get("error", ""))

    async def _get(self, path: str) -> Any:
        answer = await self._api.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def _look(self) -> Seen:
        inventory = await self._get("/inventory/servers")
        rebuild = await self._post("/inventory/rebuild?dry_run=true", None)
        assert rebuild.status == 200, rebuild
        addresses = [service["address"] for server in inventory for service in server["task_services"]]
        messages = await asyncio.gather(*(_message(self._http, address) for address in addresses))
        return Seen(
            inventory=inventory,
            rebuild=rebuild.data,
            listing={server.key: runs for server, runs in self._provider.servers()},
            processes=Counter(_processes(self._servers)),
            messages=dict(zip(addresses, messages, strict=True)),
        )


async def _message(http: httpx.AsyncClient, address: str) -> str:
    try:
        return (await http.get(f"http://{address}/")).text
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}"


def _processes(servers: Path) -> Iterator[str]:
    """`infra/name: command`, without what is the same for all: the server's folder, address and program."""
    root = re.compile(re.escape(os.fsencode(servers)) + rb"/([^/]+)/([^/]+)/root")
    own_mounts = Path("/proc/self/ns/mnt").readlink()
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            # A server that is a process has its folder in its environment, and a box in its mounts.
            told = (process / "environ").read_bytes()
            if (process / "ns/mnt").readlink() != own_mounts:
                told += (process / "mountinfo").read_bytes()
            found = root.search(told)
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0") if found else []
        except OSError:
            continue
        if found and (command := _command(words[:-1])):
            yield f"{os.fsdecode(found[1])}/{os.fsdecode(found[2])}: {command}"


def _command(words: list[str]) -> str:
    """Empty for what only serves the server itself."""
    for place, word in enumerate(words):
        if word in ("activities.providers.local.process_server", "/run/provisioning/init"):
            return "server"
        if word.endswith("/server.py"):
            _, port, message, *_ = words[place + 1 :]
            return f"{Path(word).parent.name} {port} {message}"
    return "" if words and words[0].startswith(("unshare", "sshd")) else " ".join(words)


@contextlib.contextmanager
def a_product(loop: Loop, folder: Path, mongodb: EmbeddedMongo, temporal: str) -> Iterator[Product]:
    """A product that knows of nothing yet; nothing of it is left behind.

    Args:
        temporal: where the server is, as `host:port`.
    """
    with loop.entered(lambda: _product(loop, folder, mongodb, temporal)) as product:
        yield product


@contextlib.asynccontextmanager
async def _product(loop: Loop, folder: Path, mongodb: EmbeddedMongo, temporal: str) -> AsyncIterator[Product]:
    client = await connect(temporal)
    settings = api_settings(folder, mongodb, client).model_copy(
        # Boxes, where they can be had, are made and deleted in half of the time.
        update={"catalogue_dirs": str(TEST_CATALOGUE), "local_isolation": "auto"}
    )
    app = create_app(settings)
    provider = build_local(settings)
    try:
        async with (
            app.router.lifespan_context(app),
            _working(client, app.state.services.stores, settings),
            # Thousands of answers are not held against the contract once more: that would take the most time.
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as api,
            httpx.AsyncClient(trust_env=False, verify=False, timeout=10) as http,  # noqa: S501 - not used
        ):
            api.headers["Authorization"] = f"Bearer {await log_in(api, 'admin', PASSWORD)}"
            yield Product(
                loop,
                api=api,
                http=http,
                temporal=client,
                provider=provider,
                state_dir=settings.state_dir,
            )
    finally:
        await provider.remove_all()


@contextlib.asynccontextmanager
async def _working(client: Client, stores: Stores, settings: Settings) -> AsyncIterator[None]:
    door = SshDoor(settings.state_dir)
    catalogue = ClusterCatalogue.from_settings(settings)
    contracts = assemble(client, stores, build_providers(settings), catalogue, door)
    try:
        async with create_worker(client, settings.task_queue, contracts):
            yield
    finally:
        await door.close()
