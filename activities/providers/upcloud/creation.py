"""One attempt at making a server, among others that may be under way for the same name.

UpCloud knows no idempotency key: two orders make two servers. What makes one of them is an order among the
servers of a name that everybody sees alike and that never changes once it is known:

- The oldest one counts, by UpCloud's own clock, and of those from the same second the one with the lowest
  UUID. One that is withdrawn does not count. Where one counts, nobody orders another.
- An attempt looks again after its order, and gives its server back where an older one counts. It removes
  nothing that another owner has ordered.
- It ends only when `Pace.settle` has passed since it first saw the server, and after one more look: from then
  on none can turn up that would come before it.

An attempt that died after its order leaves a server with its owner's labels. The next one finds it and takes
it over, by taking off the label `attempt`. An attempt that is told to clean up removes only what still bears
its own. It may have been taken for dead, so both can write at the same time. UpCloud has no conditional write
either: each writes, waits for `Pace.settle`, which is longer than a call takes, and looks whose labels stand.
"""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence

import upcloud_api

from activities.providers.fitting import must_fit
from activities.providers.upcloud.answers import Machine
from activities.providers.upcloud.client import UpCloudClient
from activities.providers.upcloud.labels import ATTEMPT, Inscription, inscription_of, name_labels, withdrawn
from activities.providers.upcloud.lifecycle import Lifecycle
from activities.providers.upcloud.pace import Pace, Patience
from workflows.domain.errors import NotFound, ProvisioningError, Unavailable
from workflows.domain.resources import ServerSpec

_SURELY_SETTLED = 60.0
"""Seconds since a server was created after which no clocks need to be compared."""

Prepare = Callable[[str], Awaitable[upcloud_api.Server]]
"""Makes the order that bears this attempt's id."""


def in_order(machines: Sequence[Machine]) -> list[Machine]:
    """The one that counts first, withdrawn ones last."""
    return sorted(machines, key=lambda m: (inscription_of(m.labels).withdrawn, m.created, m.uuid))


class Creation:
    def __init__(
        self, client: UpCloudClient, lifecycle: Lifecycle, pace: Pace, spec: ServerSpec, owner: str
    ) -> None:
        self._client = client
        self._lifecycle = lifecycle
        self._pace = pace
        self._spec = spec
        self._owner = owner
        self._id = uuid.uuid4().hex
        self._ordering: asyncio.Task[Machine] | None = None
        self._ordered: str | None = None
        self._seen: dict[str, float] = {}

    async def complete(self, prepare: Prepare) -> Machine:
        """The server of that name, whoever made it, once it runs and can only be this one.

        Raises:
            Conflict: there is one with another plan or zone.
        """
        while True:
            chosen = await self._look()
            if chosen is None:
                await self._order(await prepare(self._id))
                continue
            self._must_fit(chosen)
            try:
                machine = await self._lifecycle.bring_up(chosen.uuid)
                await self._settle(machine)
                await self._take_over(machine.uuid)
            except NotFound:
                continue  # somebody removed it meanwhile
            again = await self._look()
            if again is not None and (again.uuid, again.state) == (machine.uuid, "started"):
                return machine

    async def take_back(self) -> None:
        """Removes what this attempt has ordered, unless another one has taken it over."""
        if self._ordering is not None:
            with contextlib.suppress(ProvisioningError):
                self._ordered = (await self._ordering).uuid
        patience = Patience(self._pace, f"cleaning up after server {self._spec.key} at UpCloud fails")
        while True:
            try:
                for machine in await self._known({ATTEMPT: self._id}):
                    await self._retract(machine.uuid, lambda labels: labels.attempt == self._id)
                return
            except Unavailable as error:
                await patience.pause(error.message)

    async def _order(self, order: upcloud_api.Server) -> None:
        # A call in a thread goes on when we no longer wait for it, and may make a server after that.
        self._ordering = asyncio.create_task(self._client.create(order))
        self._ordered = (await asyncio.shield(self._ordering)).uuid

    async def _look(self) -> Machine | None:
        """The server that counts. Removes our owner's that do not."""
        machines = in_order(await self._known(name_labels(self._spec.infra, self._spec.name)))
        counting = [machine for machine in machines if not inscription_of(machine.labels).withdrawn]
        for surplus in (machine for machine in machines if machine not in counting[:1]):
            inscription = inscription_of(surplus.labels)
            if inscription.owner == self._owner and inscription.withdrawn:
                await self._retract(surplus.uuid, lambda labels: labels.withdrawn)
            elif inscription.owner == self._owner:
                await self._lifecycle.remove(surplus.uuid)
        if not counting:
            return None
        self._seen.setdefault(counting[0].uuid, time.monotonic())
        return counting[0]

    async def _known(self, labels: dict[str, str]) -> Sequence[Machine]:
        """The servers with these labels, and our own even if lists do not show it yet."""
        listed = list(await self._client.machines(labels))
        if self._ordered is not None and self._ordered not in {machine.uuid for machine in listed}:
            own = await self._client.machine(self._ordered)
            listed += [own] if own is not None else []
        return listed

    async def _settle(self, machine: Machine) -> None:
        if time.time() - machine.created < _SURELY_SETTLED:
            await asyncio.sleep(self._seen[machine.uuid] + self._pace.settle - time.monotonic())

    async def _take_over(self, uuid: str) -> None:
        """Lets no other attempt of our owner's take the server back. The next look shows whether it held."""
        machine = await self._client.machine(uuid)
        if machine is None or inscription_of(machine.labels).withdrawn:
            raise NotFound(f"server {uuid} at UpCloud is gone")
        inscription = inscription_of(machine.labels)
        if inscription.owner == self._owner and inscription.attempt not in ("", self._id):
            labels = {key: value for key, value in machine.labels.items() if key != ATTEMPT}
            await self._client.relabel(uuid, labels)
            await asyncio.sleep(self._pace.settle)

    async def _retract(self, uuid: str, is_free: Callable[[Inscription], bool]) -> None:
        """Removes the server if it is free to be removed, and nobody has taken it over meanwhile."""
        machine = await self._client.machine(uuid)
        if machine is None or not is_free(inscription_of(machine.labels)):
            return
        with contextlib.suppress(NotFound):
            await self._client.relabel(uuid, withdrawn(machine.labels))
        await asyncio.sleep(self._pace.settle)
        machine = await self._client.machine(uuid)
        if machine is not None and inscription_of(machine.labels).withdrawn:
            await self._lifecycle.remove(uuid)

    def _must_fit(self, machine: Machine) -> None:
        must_fit(self._spec, machine.plan, machine.zone)
