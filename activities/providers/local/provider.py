"""The local provider: servers on this machine, reached over SSH like any other.

Everything about a server lies in its folder under `<state_dir>/servers`; what is written down there counts,
and not who wrote it, so any process can go on where another was killed. All steps on one server run
under its lock, which the kernel frees when its holder dies.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncssh

from activities.finishing import finish
from activities.providers.fitting import another_one, called_off, must_fit
from activities.providers.local import plans, running
from activities.providers.local.addresses import Addresses
from activities.providers.local.choice import Choice
from activities.providers.local.commands import remove_tree
from activities.providers.local.folder import Record, ServerFolder, folders, write_private
from activities.providers.local.isolation import Isolation
from activities.providers.local.locks import exclusive
from activities.remote.keys import client_key
from workflows.domain.errors import ActionFailed, InvalidRequest, ProvisioningError
from workflows.domain.resources import Server, ServerSpec

_LONGEST_PATH = 1000
"""Bytes. The options of an overlay mount, which name a server's folder twice, must fit into a page."""

log = logging.getLogger(__name__)


class LocalProvider:
    """Servers of one state directory. Their plans are labels: they share this machine's CPU and memory."""

    def __init__(self, state_dir: Path, cache_dir: Path, choice: Choice) -> None:
        self._state_dir = state_dir
        self._servers = state_dir / "servers"
        self._addresses = Addresses(cache_dir)
        self._choice = choice

    @property
    def name(self) -> str:
        return "local"

    @property
    def isolation(self) -> str:
        """How new servers are kept apart from this machine, and why so, for the operator."""
        return str(self._choice)

    def check(self, spec: ServerSpec) -> None:
        plans.check(spec)
        length = len(os.fsencode(self._folder(spec.infra, spec.name).path))
        if length > _LONGEST_PATH:
            raise InvalidRequest(
                f"server {spec.key}: its folder would have a path of {length} bytes, "
                f"and at most {_LONGEST_PATH} can be mounted"
            )

    async def create(self, spec: ServerSpec, owner: str) -> Server:
        self.check(spec)
        folder = self._folder(spec.infra, spec.name)
        async with self._locked(folder):
            record = folder.read()
            if record is None:
                return await self._create_anew(folder, spec, owner)
            must_fit(spec, record.spec.plan, record.spec.zone)
            await self._start(folder, record)
            return record.server()

    async def start(self, infra: str, name: str) -> Server | None:
        """Brings a server back whose processes died, with its files; None if there is no such server."""
        folder = self._folder(infra, name)
        async with self._locked(folder):
            record = folder.read()
            if record is None:
                await self._clear(folder)
                return None
            await self._start(folder, record)
            return record.server()

    async def resume(self) -> None:
        stopped = [server.spec for server, runs in self.servers() if not runs]
        for spec in stopped:
            try:
                await self.start(spec.infra, spec.name)
                log.info("server %s runs again", spec.key)
            except (ProvisioningError, OSError) as error:
                log.warning("server %s does not come back: %s", spec.key, error)

    async def find(self, infra: str, name: str) -> Server | None:
        folder = self._folder(infra, name)
        record = folder.read()
        if record is None and folder.has_remains():
            # Either it is being made or deleted right now, or whoever did so was killed.
            async with self._locked(folder):
                record = folder.read()
                if record is None:
                    await self._clear(folder)
        return record.server() if record is not None else None

    async def delete(self, server: Server, deletion: str | None = None) -> None:
        folder = self._folder(server.spec.infra, server.spec.name)
        async with self._locked(folder):
            record = folder.read()
            if record is not None:
                if record.owner != server.owner:
                    raise another_one(server, record.owner)
                if deletion is not None and folder.is_called_off(deletion):
                    raise called_off(server)
                folder.dying.touch()
            await finish(asyncio.create_task(self._clear(folder)))

    async def call_off(self, server: Server, deletion: str) -> bool:
        folder = self._folder(server.spec.infra, server.spec.name)
        async with self._locked(folder):
            record = folder.read()
            if record is None or record.owner != server.owner:
                return False
            folder.call_off(deletion)
            if folder.dying.exists():
                await self._start(folder, record)
                folder.dying.unlink()
            return True

    def servers(self) -> Iterator[tuple[Server, bool]]:
        """All servers of this state directory, and whether they run; damaged ones are logged instead."""
        for folder in folders(self._servers):
            try:
                record = folder.read()
            except ActionFailed as error:
                log.warning("%s", error)
                continue
            if record is not None:
                yield record.server(), running.is_running(folder)

    async def remove_all(self) -> int:
        """Deletes every server of this state directory, half-made ones included; how many there were."""
        found = list(folders(self._servers))
        for folder in found:
            async with self._locked(folder):
                await self._clear(folder)
        return len(found)

    def _folder(self, infra: str, name: str) -> ServerFolder:
        for part in (infra, name):
            plans.check_name(part)
        return ServerFolder(self._servers, infra, name)

    @contextlib.asynccontextmanager
    async def _locked(self, folder: ServerFolder) -> AsyncIterator[None]:
        async with exclusive(folder.lock):
            try:
                yield
            finally:
                if not folder.exists():
                    folder.prune()

    async def _start(self, folder: ServerFolder, record: Record) -> None:
        isolation = self._choice.named(record.isolation)
        await isolation.prepare(record.image)
        await running.start(folder, record, isolation)

    async def _clear(self, folder: ServerFolder) -> None:
        """Removes whatever there is of a server, in an order that can be broken off and begun again."""
        if folder.exists():
            await running.stop(folder, self._choice.named(folder.isolation()))
            folder.forget()
            await remove_tree(folder.path)
        await self._addresses.release(folder.path)

    async def _create_anew(self, folder: ServerFolder, spec: ServerSpec, owner: str) -> Server:
        isolation = self._choice.isolation()
        await isolation.prepare(isolation.image)
        await self._clear(folder)
        try:
            folder.make(isolation.name)
            record = await self._furnish(folder, spec, owner, isolation)
            folder.write(record)
            await running.start(folder, record, isolation)
        except BaseException:
            # The lock is still held, so nobody can have been given this server yet.
            await finish(asyncio.create_task(self._clear(folder)))
            raise
        return record.server()

    async def _furnish(
        self, folder: ServerFolder, spec: ServerSpec, owner: str, isolation: Isolation
    ) -> Record:
        address, port = await self._addresses.reserve(folder.path)
        host_key = asyncssh.generate_private_key("ssh-ed25519", comment=spec.name)
        login_key = client_key(self._state_dir)
        write_private(folder.seed / "host_key", host_key.export_private_key().decode())
        write_private(folder.seed / "authorized_keys", login_key.export_public_key().decode())
        record = Record(
            spec=spec,
            owner=owner,
            isolation=isolation.name,
            image=isolation.image,
            address=address,
            port=port,
            user=isolation.user,
            host_key=host_key.export_public_key().decode().strip(),
        )
        isolation.furnish(folder, record)
        return record
