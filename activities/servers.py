"""Creates and deletes servers, at whatever provider."""

import contextlib
from datetime import UTC, datetime

from activities.failures import as_activity_failure
from activities.heartbeat import heartbeat
from activities.ledger_ports import Inventory
from activities.provider_ports import AbandonsAttempts, CallsOffDeletions, ServerProviders
from activities.server_planning import deletions, refuse_taken_name
from workflows.contracts.servers import ServerActivities, ServerDeletion
from workflows.domain.actions import CreateServer, DeleteServer
from workflows.domain.effects import ActionResult, Effect, EffectKind
from workflows.domain.errors import Conflict, Unavailable
from workflows.domain.identity import effect_id
from workflows.domain.resources import Server, ServerSpec, dependents_first


class Servers(ServerActivities):
    """The activities on servers."""

    def __init__(self, providers: ServerProviders, inventory: Inventory) -> None:
        self._providers = providers
        self._inventory = inventory

    async def plan_server_deletion(self, wanted: ServerDeletion) -> list[DeleteServer]:
        with as_activity_failure():
            return await deletions(wanted, self._inventory)

    async def create_server(self, action: CreateServer) -> ActionResult:
        with as_activity_failure():
            async with heartbeat():
                provider = self._providers.get(action.spec.provider)
                provider.check(action.spec)
                await self._refuse_taken_name(action.spec)
                server = await provider.create(action.spec, action.key)
        if server.owner != action.key:
            return ActionResult(server=server, note=f"server {server.key} exists already, unchanged")
        effect = Effect(
            id=action.key,
            kind=EffectKind.SERVER_CREATED,
            cause=action.cause,
            at=datetime.now(UTC),
            after=server,
        )
        return ActionResult(effects=(effect,), server=server, note=f"created server {_described(server)}")

    async def _refuse_taken_name(self, spec: ServerSpec) -> None:
        item = None
        # While the database is away the work goes on: then nobody can tell.
        with contextlib.suppress(Unavailable):
            item = await self._inventory.server(spec.infra, spec.name)
        await refuse_taken_name(spec, item, self._providers)

    async def delete_server(self, action: DeleteServer) -> ActionResult:
        with as_activity_failure():
            async with heartbeat():
                provider = self._providers.get(action.server.spec.provider)
                if isinstance(provider, CallsOffDeletions):
                    await provider.delete(action.server, action.key)
                else:
                    await provider.delete(action.server)
        return _deleted(action)

    async def abandon_server(self, action: CreateServer) -> None:
        with as_activity_failure():
            async with heartbeat():
                provider = self._providers.get(action.spec.provider)
                if isinstance(provider, AbandonsAttempts):
                    await provider.abandon(action.spec, action.key)
                    return
                server = await provider.find(action.spec.infra, action.spec.name)
                if server is not None and server.owner == action.key:
                    await provider.delete(server)

    async def abandon_deletion(self, action: DeleteServer) -> ActionResult:
        with as_activity_failure():
            async with heartbeat():
                server = action.server
                provider = self._providers.get(server.spec.provider)
                if isinstance(provider, CallsOffDeletions) and await provider.call_off(server, action.key):
                    return ActionResult(server=server, note=f"server {server.key} was not deleted, and stays")
                try:
                    await provider.delete(server)
                except Conflict as error:
                    # Another one has the name, so this one is gone, and there is nothing half done.
                    return ActionResult(note=error.message)
        return _deleted(action)


def _deleted(action: DeleteServer) -> ActionResult:
    return ActionResult(effects=_deletion(action), note=f"deleted server {action.server.key}")


def _deletion(action: DeleteServer) -> tuple[Effect, ...]:
    """What stood on the server is gone with it, and is first in the order, as if removed before.

    What is undone comes back in the opposite order, each after what it requires.
    """
    now = datetime.now(UTC)
    origin = action.cause.origin
    removed = (
        Effect(
            id=effect_id(origin, "taskserv_removed", taskserv.key),
            kind=EffectKind.TASKSERV_REMOVED,
            cause=action.cause,
            at=now,
            before=taskserv,
        )
        for taskserv in dependents_first(action.taskservs)
    )
    deleted = Effect(
        id=action.key, kind=EffectKind.SERVER_DELETED, cause=action.cause, at=now, before=action.server
    )
    return (*removed, deleted)


def _described(server: Server) -> str:
    ssh = server.ssh
    return f"{server.key} (ssh {ssh.user}@{ssh.host}:{ssh.port})"
