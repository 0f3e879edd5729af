"""The embedded stack: the databases and Temporal, then the API and the workers, watched until it stops."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import httpx
from temporalio.client import Client
from temporalio.service import RPCError

from activities.settings import Settings
from activities.temporal_setup import prepare_namespace
from deploy.local import parts
from deploy.local.errors import DoesNotStart
from deploy.local.leftovers import end_leftovers
from deploy.local.member import Member
from deploy.local.ports import check_ports
from deploy.local.program import Program
from deploy.local.readiness import is_healthy, is_polled
from deploy.local.state_dir import StateDir

_BOUND_LOGS_EVERY = 10.0
_EXTERNAL_PATIENCE = 15.0
"""Seconds in which a Temporal server that is not ours must answer."""


class LocalStack:
    """All processes of one state directory. Start it once; stop it from any state."""

    def __init__(
        self,
        settings: Settings,
        tell: Callable[[str], None],
        tidy: Callable[[StateDir], Awaitable[None]] | None = None,
        beside: Sequence[Program] = (),
    ) -> None:
        """`tell` gets one line for each thing that a person should know.

        `tidy` is called before anything is started and after everything has ended, while the state directory
        is still locked. `beside` the API, these programs start and end with it.
        """
        self.settings = settings.model_copy(update={"state_dir": settings.state_dir.resolve()})
        self._tell = tell
        self._tidy = tidy
        self._beside = beside
        self._state_dir: StateDir | None = None
        self._servers: list[Member] = []
        self._api: list[Member] = []
        self._workers: list[Member] = []
        self._chores: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where the API answers."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared only
        host = everywhere.get(self.settings.host, self.settings.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.settings.api_port}"

    async def start(self) -> None:
        """Returns when the API answers and a worker polls.

        Raises:
            StackError: in one of its kinds; the caller stops the stack then as well.
        """
        self._state_dir = state_dir = StateDir(self.settings.state_dir)
        end_leftovers(state_dir, self._tell)
        if self._tidy is not None:
            await self._tidy(state_dir)
        check_ports(self._ports())
        self._assemble(state_dir)
        self._chores = asyncio.create_task(self._bound_logs())
        await self._start_servers()
        for member in (*self._api, *self._workers):
            member.start()
        await self._ready()

    def _ports(self) -> dict[str, tuple[str, int]]:
        settings, local = self.settings, "127.0.0.1"
        ports = {
            "PROVISIONING_API_PORT": (settings.host, settings.api_port),
        }
        if settings.control_center_port != settings.api_port:  # one port may serve as both
            ports["PROVISIONING_CONTROL_CENTER_PORT"] = (settings.host, settings.control_center_port)
        if settings.temporal_address is None:
            ports["PROVISIONING_TEMPORAL_PORT"] = (local, settings.temporal_port)
            ports["PROVISIONING_TEMPORAL_UI_PORT"] = (local, settings.temporal_ui_port)
        if settings.mongodb_uri is None:
            ports["PROVISIONING_MONGODB_PORT"] = (local, settings.mongodb_port)
        if settings.surrealdb_url is None:
            ports["PROVISIONING_SURREALDB_PORT"] = (local, settings.surrealdb_port)
        return ports

    def _assemble(self, state_dir: StateDir) -> None:
        def member(program: Program) -> Member:
            return Member(program, state_dir, self._tell)

        if self.settings.temporal_address is None:
            self._servers.append(member(parts.temporal(self.settings, state_dir)))
        if self.settings.mongodb_uri is None:
            self._servers.append(member(parts.mongodb(self.settings, state_dir)))
        if self.settings.surrealdb_url is None:
            self._servers.append(member(parts.surrealdb(self.settings, state_dir)))
        self._api = [member(program) for program in (parts.api(self.settings), *self._beside)]
        self._workers = [member(program) for program in parts.workers(self.settings)]

    async def _start_servers(self) -> None:
        for server in self._servers:
            server.start()
        await asyncio.gather(*(server.up() for server in self._servers))
        while True:
            try:
                return await prepare_namespace(await self._temporal_client())
            except RPCError as error:  # it was killed meanwhile, or it is not ours and refuses
                if self.settings.temporal_address is not None:
                    self._tell(f"search attributes and retention are left as they are: {error.message}")
                    return None
                await asyncio.sleep(0.2)

    async def _temporal_client(self) -> Client:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_EXTERNAL_PATIENCE):
                while True:
                    client = await parts.temporal_answers(self.settings)
                    if client is not None:
                        return client
                    await asyncio.sleep(0.2)
        raise DoesNotStart(f"no Temporal server answers at {self.settings.temporal_target}")

    async def _ready(self) -> None:
        client = await self._temporal_client()
        async with httpx.AsyncClient(base_url=self.url, timeout=2, trust_env=False) as api:
            while not (await is_polled(client, self.settings.task_queue) and await is_healthy(api)):
                for member in (*self._servers, *self._api, *self._workers):
                    member.raise_if_hopeless()
                await asyncio.sleep(0.1)

    async def _bound_logs(self) -> None:
        while True:
            await asyncio.sleep(_BOUND_LOGS_EVERY)
            for member in (*self._servers, *self._api, *self._workers):
                with contextlib.suppress(OSError):  # a full disk must not end the supervision
                    member.log.bound()

    async def stop(self) -> None:
        """Ends everything: workers first, the databases last. Local servers stay."""
        if self._chores is not None:
            self._chores.cancel()
        for members in self._layers():
            await asyncio.gather(*(member.stop() for member in members))
        if self._state_dir is not None:
            if self._tidy is not None:
                await self._tidy(self._state_dir)
            self._state_dir.close()
            self._state_dir = None

    def kill(self) -> None:
        """Ends everything at once; `stop` then finds nothing to wait for."""
        for members in self._layers():
            for member in members:
                member.kill()

    def _layers(self) -> Sequence[list[Member]]:
        return self._workers, self._api, self._servers
