"""The UpCloud provider: servers that say by their labels what they are, so that nothing has to be remembered.

Whatever a process knew of a server when it died can be read off the server itself: its name, its owner, the
attempt that made it, and the spec that it was made for.
"""

import asyncio
from pathlib import Path
from typing import NamedTuple
from weakref import WeakValueDictionary

import upcloud_api

from activities.finishing import finish
from activities.providers.fitting import another_one
from activities.providers.upcloud import plans
from activities.providers.upcloud.answers import AddressKind, Machine
from activities.providers.upcloud.client import UpCloudClient
from activities.providers.upcloud.creation import Creation, in_order
from activities.providers.upcloud.labels import OWNER, inscription_of, name_labels, spec_of
from activities.providers.upcloud.lifecycle import Lifecycle
from activities.providers.upcloud.offers import Offers
from activities.providers.upcloud.orders import Wanted, order
from activities.providers.upcloud.pace import Pace
from activities.remote.host_keys import host_key
from activities.remote.keys import login_line
from workflows.domain.resources import Server, ServerSpec, SshEndpoint

_DEFAULT_USER = "root"
"""Whom UpCloud's own templates let in."""


class Choices(NamedTuple):
    """What the operator has decided for all servers."""

    template: str
    """Title or UUID of the template for servers that name no image."""
    address_kind: AddressKind
    ssh_port: int
    state_dir: Path
    """Where our SSH key is."""


class UpCloudProvider:
    def __init__(self, client: UpCloudClient, choices: Choices, pace: Pace | None = None) -> None:
        self._client = client
        self._choices = choices
        self._pace = pace or Pace()
        self._offers = Offers(client)
        self._lifecycle = Lifecycle(client, self._pace, choices.address_kind, choices.ssh_port)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def name(self) -> str:
        return "upcloud"

    def check(self, spec: ServerSpec) -> None:
        plans.check(spec)

    async def create(self, spec: ServerSpec, owner: str) -> Server:
        self.check(spec)
        async with self._lock(spec.infra, spec.name):
            creation = Creation(self._client, self._lifecycle, self._pace, spec, owner)
            try:
                machine = await creation.complete(lambda attempt: self._order(spec, owner, attempt))
            except asyncio.CancelledError:
                await finish(asyncio.create_task(creation.take_back()))
                raise
        return self._server(machine)

    async def find(self, infra: str, name: str) -> Server | None:
        for machine in in_order(await self._client.machines(name_labels(infra, name))):
            details = await self._client.machine(machine.uuid)
            if details is not None:
                return self._server(details)
        return None

    async def resume(self) -> None:
        """Nothing: UpCloud starts its servers again by itself."""

    async def delete(self, server: Server, deletion: str | None = None) -> None:
        async with self._lock(server.spec.infra, server.spec.name):
            labels = name_labels(server.spec.infra, server.spec.name)
            known = {machine.uuid: machine for machine in await self._client.machines(labels)}
            by_id = await self._client.machine(server.provider_id)
            if by_id is not None:
                known[by_id.uuid] = by_id
            owners = {machine.uuid: inscription_of(machine.labels).owner for machine in known.values()}
            ours = [uuid for uuid, owner in owners.items() if owner == server.owner]
            if owners and not ours:
                others = ", ".join(sorted(owner or "somebody" for owner in owners.values()))
                raise another_one(server, others)
            for uuid in ours:
                await self._lifecycle.remove(uuid, deletion)

    async def call_off(self, server: Server, deletion: str) -> bool:
        async with self._lock(server.spec.infra, server.spec.name):
            machine = await self._client.machine(server.provider_id)
            if machine is None or inscription_of(machine.labels).owner != server.owner:
                return False
            return await self._lifecycle.restore(machine.uuid, deletion)

    async def abandon(self, spec: ServerSpec, owner: str) -> None:
        async with self._lock(spec.infra, spec.name):
            labels = {**name_labels(spec.infra, spec.name), OWNER: owner}
            for machine in await self._client.machines(labels):
                await self._lifecycle.remove(machine.uuid)

    async def check_access(self) -> None:
        await self._client.check()

    async def _order(self, spec: ServerSpec, owner: str, attempt: str) -> upcloud_api.Server:
        state_dir = self._choices.state_dir
        template = await self._offers.template(spec.image or self._choices.template)
        key = await asyncio.to_thread(host_key, state_dir, f"{spec.key} {owner}")
        wanted = Wanted(
            spec=spec,
            plan=await self._offers.plan(spec.plan),
            template=template,
            login_key=await asyncio.to_thread(login_line, state_dir),
            host_key=key if template.has_cloud_init else None,
        )
        return order(wanted, owner, attempt)

    def _server(self, machine: Machine) -> Server:
        spec = spec_of(machine.labels, self.name, machine.plan, machine.zone)
        inscription = inscription_of(machine.labels)
        return Server(
            spec=spec,
            provider_id=machine.uuid,
            owner=inscription.owner,
            ssh=SshEndpoint(
                host=self._lifecycle.address(machine),
                port=self._choices.ssh_port,
                user=spec.ssh_user or _DEFAULT_USER,
                host_key=inscription.host_key,
            ),
        )

    def _lock(self, infra: str, name: str) -> asyncio.Lock:
        """One at a time within this process, which saves orders. Between processes the labels decide."""
        return self._locks.setdefault(f"{infra}/{name}", asyncio.Lock())
