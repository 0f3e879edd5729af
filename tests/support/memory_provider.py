"""A provider that keeps its servers in memory, for benches and tests of scheduling.

Labels of a server say how it behaves: `create_seconds` and `delete_seconds` how long that takes,
`fail_create` and `fail_delete` that it fails (`refused` for good, `unavailable` for now, a number so many
times), `hold` that its creation waits until `release(name)` is called, `hold_delete` that its deletion does.
"""

import asyncio
from collections import Counter

from activities.providers.fitting import another_one, called_off
from workflows.domain.errors import Conflict, InvalidRequest, Refused, Unavailable
from workflows.domain.resources import Server, ServerSpec, SshEndpoint


class MemoryProvider:
    """Servers of one process. Refuses the plan and the zone named `nowhere`."""

    def __init__(self) -> None:
        self._servers: dict[str, Server] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._gates: dict[str, asyncio.Event] = {}
        self._failures: Counter[tuple[str, str]] = Counter()
        self._called_off: set[str] = set()
        self._made = 0
        self.busy = 0
        self.most_busy = 0
        """The most creations and deletions that ever ran at the same time."""

    @property
    def name(self) -> str:
        return "memory"

    def check(self, spec: ServerSpec) -> None:
        if "nowhere" in (spec.plan, spec.zone):
            raise InvalidRequest(f"server {spec.key}: the memory provider has no plan or zone 'nowhere'")

    async def create(self, spec: ServerSpec, owner: str) -> Server:
        self.check(spec)
        async with self._lock(spec.key):
            existing = self._servers.get(spec.key)
            if existing is not None:
                if (existing.spec.plan, existing.spec.zone) != (spec.plan, spec.zone):
                    raise Conflict(f"server {spec.key} exists with plan {existing.spec.plan}")
                return existing
            await self._act(spec, "create")
            if "hold" in spec.labels:
                await self._gate(spec.name).wait()
            # Nothing was begun until here, so a cancelled creation leaves nothing.
            self._servers[spec.key] = self._made_of(spec, owner)
            return self._servers[spec.key]

    async def resume(self) -> None:
        """Nothing in memory stops by itself."""

    async def find(self, infra: str, name: str) -> Server | None:
        return self._servers.get(f"{infra}/{name}")

    async def delete(self, server: Server, deletion: str | None = None) -> None:
        async with self._lock(server.key):
            existing = self._servers.get(server.key)
            if existing is None:
                return
            if existing.owner != server.owner:
                raise another_one(server, existing.owner)
            if deletion in self._called_off:
                raise called_off(server)
            await self._act(existing.spec, "delete")
            del self._servers[server.key]

    async def call_off(self, server: Server, deletion: str) -> bool:
        async with self._lock(server.key):
            existing = self._servers.get(server.key)
            if existing is None or existing.owner != server.owner:
                return False
            self._called_off.add(deletion)
            return True

    def release(self, name: str) -> None:
        """Lets go on what waits for it by the server's label `hold` or `hold_delete`."""
        self._gate(name).set()

    def is_held(self, name: str) -> bool:
        """Whether the creation or the deletion of a server waits for its release."""
        return name in self._gates and not self._gates[name].is_set()

    def failures(self, what: str, key: str) -> int:
        """How often the creation or deletion (`what`) of a server failed for now."""
        return self._failures[what, key]

    def mend(self, key: str) -> None:
        """The server forgets how it was told to behave."""
        server = self._servers[key]
        spec = server.spec.model_copy(update={"labels": {}})
        self._servers[key] = server.model_copy(update={"spec": spec})

    @property
    def servers(self) -> dict[str, Server]:
        """What exists, by key."""
        return dict(self._servers)

    async def _act(self, spec: ServerSpec, what: str) -> None:
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            await asyncio.sleep(float(spec.labels.get(f"{what}_seconds", "0")))
            if f"hold_{what}" in spec.labels:
                await self._gate(spec.name).wait()
            self._fail_as_told(spec, what)
        finally:
            self.busy -= 1

    def _fail_as_told(self, spec: ServerSpec, what: str) -> None:
        told = spec.labels.get(f"fail_{what}")
        if told is None:
            return
        if told == "refused":
            raise Refused(f"server {spec.key}: told to refuse to {what}")
        self._failures[what, spec.key] += 1
        if told == "unavailable" or self._failures[what, spec.key] <= int(told):
            raise Unavailable(f"server {spec.key}: told to fail to {what}")

    def _made_of(self, spec: ServerSpec, owner: str) -> Server:
        self._made += 1
        high, low = divmod(self._made, 250)
        return Server(
            spec=spec,
            provider_id=f"memory-{self._made}",
            owner=owner,
            ssh=SshEndpoint(host=f"127.250.{high}.{low + 1}", port=22, user="nobody"),
        )

    def _lock(self, key: str) -> asyncio.Lock:
        return self._locks.setdefault(key, asyncio.Lock())

    def _gate(self, name: str) -> asyncio.Event:
        return self._gates.setdefault(name, asyncio.Event())
