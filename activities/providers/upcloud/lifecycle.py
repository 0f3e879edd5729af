"""Bringing one server up and taking it away, whatever state it is in."""

import asyncio
import contextlib
import time

from activities.providers.upcloud.answers import AddressKind, Machine
from activities.providers.upcloud.client import UpCloudClient
from activities.providers.upcloud.labels import called_off, inscription_of, reinstated, withdrawn
from activities.providers.upcloud.pace import Pace, Patience
from workflows.domain.errors import Conflict, NotFound, Refused, Unavailable

_PROBE_SECONDS = 5.0
_GREETING = b"SSH-"


class Lifecycle:
    """Steps that go on from wherever they find the server, and so can be broken off and begun again.

    A state can change between a look and the call that follows from it. UpCloud then refuses the call, and
    the next look says what to do.
    """

    def __init__(self, client: UpCloudClient, pace: Pace, address_kind: AddressKind, ssh_port: int) -> None:
        self._client = client
        self._pace = pace
        self._address_kind = address_kind
        self._ssh_port = ssh_port

    async def bring_up(self, uuid: str) -> Machine:
        """The server, once it runs and answers on its SSH port.

        Raises:
            NotFound: it is no longer there, or about to be removed.
            Unavailable: it does not come up.
        """
        patience = Patience(self._pace, f"server {uuid} at UpCloud does not start")
        while (machine := await self._client.machine(uuid)) is not None:
            if inscription_of(machine.labels).withdrawn:
                break
            obstacle = f"it is in state {machine.state}"
            if machine.state == "started":
                host = self.address(machine)
                if await _greets(host, self._ssh_port):
                    return machine
                obstacle = f"it runs, but no SSH server answers on {host}:{self._ssh_port}"
            elif machine.state == "stopped":
                try:
                    await self._client.start(uuid)
                except Unavailable as error:
                    obstacle = error.message
            await patience.pause(obstacle)
        raise NotFound(f"server {uuid} at UpCloud is gone, or about to go")

    async def remove(self, uuid: str, removal: str | None = None) -> None:
        """Stops the server, hard where asking does not help, and deletes it with its storages.

        Raises:
            Conflict: `removal`, on whose behalf it is, has been called off.
            Unavailable: it can't be done, for now.
        """
        patience = Patience(self._pace, f"server {uuid} at UpCloud cannot be deleted")
        asked_at: float | None = None
        while (machine := await self._client.machine(uuid)) is not None:
            obstacle = f"it is in state {machine.state}"
            inscription = inscription_of(machine.labels)
            if removal is not None and inscription.called_off == removal:
                raise Conflict(f"the deletion of server {uuid} at UpCloud has been called off")
            try:
                if not inscription.withdrawn:
                    # Whoever waits for it to come up does not start it again.
                    await self._client.relabel(uuid, withdrawn(machine.labels))
                if machine.state == "stopped":
                    await self._client.delete(uuid)
                elif machine.state == "started" and asked_at is None:
                    await self._client.stop(uuid, hard=False, seconds=self._pace.soft_stop)
                    asked_at = time.monotonic()
                elif machine.state == "started" and self._is_deaf(asked_at):
                    await self._client.stop(uuid, hard=True, seconds=self._pace.soft_stop)
            except NotFound:
                return
            except Unavailable as error:
                obstacle = error.message
            await patience.pause(obstacle)

    async def restore(self, uuid: str, removal: str) -> bool:
        """Calls `removal` off, and brings the server back from wherever that had got; False where it is gone.

        Raises:
            Unavailable: it does not come back.
        """
        patience = Patience(self._pace, f"server {uuid} at UpCloud does not come back")
        looked_at, was_down = time.monotonic(), False
        while (machine := await self._client.machine(uuid)) is not None:
            inscription = inscription_of(machine.labels)
            obstacle = f"it is in state {machine.state}"
            try:
                if inscription.called_off != removal:
                    await self._client.relabel(uuid, called_off(machine.labels, removal))
                    await asyncio.sleep(self._pace.settle)
                elif not inscription.withdrawn:
                    return True
                elif machine.state == "stopped":
                    await self._client.start(uuid)
                    was_down = True
                elif machine.state == "started" and (was_down or self._would_be_down(looked_at)):
                    await self._client.relabel(uuid, reinstated(machine.labels))
            except NotFound:
                break
            except Unavailable as error:
                obstacle = error.message
            await patience.pause(obstacle)
        return False

    def _would_be_down(self, since: float) -> bool:
        """Whether one that was asked to stop would not run any more: UpCloud pulls its plug in the end."""
        return time.monotonic() - since >= self._pace.soft_stop + self._pace.settle

    def _is_deaf(self, asked_at: float | None) -> bool:
        """Whether it has not stopped although it was asked to, long enough ago."""
        return asked_at is not None and time.monotonic() - asked_at >= self._pace.soft_stop

    def address(self, machine: Machine) -> str:
        address = machine.address(self._address_kind)
        if address is None:
            raise Refused(f"server {machine.uuid} at UpCloud has no {self._address_kind} address")
        return address


async def _greets(host: str, port: int) -> bool:
    """Whether an SSH server is there. Who it is shows when somebody logs in."""
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                return await reader.readexactly(len(_GREETING)) == _GREETING
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False
