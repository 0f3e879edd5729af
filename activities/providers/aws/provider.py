"""The AWS provider: servers are EC2 instances, and what is known of them stands in their tags."""

import asyncio
from weakref import WeakValueDictionary

from activities.providers.aws import places, tags
from activities.providers.aws.calls import Calls
from activities.providers.aws.cloud import Cloud, Patience
from activities.providers.aws.creation import Creation
from activities.providers.aws.doorway import Doorways
from activities.providers.aws.instances import Instances
from activities.providers.aws.options import Options
from activities.providers.aws.removal import Removal
from activities.settings import Settings
from workflows.domain.resources import Server, ServerSpec


class AwsProvider:
    """Servers in the regions of the settings."""

    def __init__(self, settings: Settings, patience: Patience | None = None) -> None:
        """Raises ValueError where a setting cannot be used."""
        options = Options.of(settings)
        calls = Calls(settings)
        instances = Instances(calls, options.regions)
        self._cloud = Cloud(
            calls, instances, Doorways(calls, instances, options), options, patience or Patience()
        )
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def name(self) -> str:
        return "aws"

    def check(self, spec: ServerSpec) -> None:
        places.check(spec, self._cloud.options.regions)
        tags.check(spec)

    async def create(self, spec: ServerSpec, owner: str) -> Server:
        self.check(spec)
        async with self._lock(spec):
            return await Creation(self._cloud, spec, owner).run()

    async def find(self, infra: str, name: str) -> Server | None:
        look = await self._cloud.instances.named(infra, name)
        return look.alive[0].server(public=self._cloud.options.public) if look.alive else None

    async def delete(self, server: Server, deletion: str | None = None) -> None:
        async with self._lock(server.spec):
            await Removal(self._cloud).delete(server, deletion)

    async def call_off(self, server: Server, deletion: str) -> bool:
        async with self._lock(server.spec):
            return await Removal(self._cloud).call_off(server, deletion)

    async def abandon(self, spec: ServerSpec, owner: str) -> None:
        async with self._lock(spec):
            await Removal(self._cloud).abandon(spec, owner)

    async def resume(self) -> None:
        """AWS keeps its servers running by itself."""

    async def check_access(self) -> None:
        await self._cloud.calls.identity(self._cloud.options.regions[0])

    def _lock(self, spec: ServerSpec) -> asyncio.Lock:
        """One step at a time on a name. Between processes the tags decide; within one nobody need race."""
        lock = self._locks.get(spec.key)
        if lock is None:
            lock = self._locks[spec.key] = asyncio.Lock()
        return lock
