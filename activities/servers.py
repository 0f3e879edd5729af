"""Creates and deletes servers, at whatever provider."""

from collections.abc import Sequence
from datetime import UTC, datetime

from activities.failures import as_activity_failure
from activities.heartbeat import heartbeat
from activities.ports import Inventory, InventoryItem, ServerProviders
from workflows.contracts.servers import ServerActivities, ServerDeletion
from workflows.domain.actions import CreateServer, DeleteServer
from workflows.domain.effects import ActionResult, Effect, EffectKind
from workflows.domain.errors import InvalidRequest, NotFound
from workflows.domain.identity import effect_id
from workflows.domain.resources import Server


class Servers(ServerActivities):
    """The activities on servers."""

    def __init__(self, providers: ServerProviders, inventory: Inventory) -> None:
        self._providers = providers
        self._inventory = inventory

    async def plan_server_deletion(self, wanted: ServerDeletion) -> list[DeleteServer]:
        infra, names = wanted.config.infra, list(dict.fromkeys(wanted.config.names()))
        with as_activity_failure():
            items = [await self._look_up(wanted, name) for name in names]
            _all_found(infra, names, items)
            found = [item for item in items if item is not None]
            _all_of_provider(wanted.provider, [item.server for item in found])
            return [
                DeleteServer(cause=wanted.cause, server=item.server, taskservs=item.taskservs)
                for item in found
            ]

    async def create_server(self, action: CreateServer) -> ActionResult:
        with as_activity_failure():
            async with heartbeat():
                provider = self._providers.get(action.spec.provider)
                provider.check(action.spec)
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

    async def delete_server(self, action: DeleteServer) -> ActionResult:
        with as_activity_failure():
            async with heartbeat():
                provider = self._providers.get(action.server.spec.provider)
                await provider.delete(action.server)
        return ActionResult(effects=_deletion(action), note=f"deleted server {action.server.key}")

    async def abandon_server(self, action: CreateServer) -> None:
        with as_activity_failure():
            async with heartbeat():
                provider = self._providers.get(action.spec.provider)
                server = await provider.find(action.spec.infra, action.spec.name)
                if server is not None and server.owner == action.key:
                    await provider.delete(server)

    async def _look_up(self, wanted: ServerDeletion, name: str) -> InventoryItem | None:
        """From the inventory, unless the batch made the server so lately that it is not in there yet."""
        infra = wanted.config.infra
        known = next((s for s in wanted.known if (s.spec.infra, s.spec.name) == (infra, name)), None)
        item = await self._inventory.server(infra, name)
        if known is not None and (item is None or item.server.owner != known.owner):
            return InventoryItem(server=known, task_id=wanted.cause.task_id)
        return item


def _all_found(infra: str, names: Sequence[str], items: Sequence[InventoryItem | None]) -> None:
    missing = [name for name, item in zip(names, items, strict=True) if item is None]
    if missing:
        raise NotFound(f"infra {infra} has no server {', '.join(missing)}")


def _all_of_provider(provider: str, servers: Sequence[Server]) -> None:
    others = [f"{s.spec.name} ({s.spec.provider})" for s in servers if s.spec.provider != provider]
    if others:
        raise InvalidRequest(f"not servers of provider {provider}: {', '.join(others)}")


def _deletion(action: DeleteServer) -> tuple[Effect, ...]:
    """What stood on the server is gone with it, and is first in the order, as if removed before."""
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
        for taskserv in action.taskservs
    )
    deleted = Effect(
        id=action.key, kind=EffectKind.SERVER_DELETED, cause=action.cause, at=now, before=action.server
    )
    return (*removed, deleted)


def _described(server: Server) -> str:
    ssh = server.ssh
    return f"{server.key} (ssh {ssh.user}@{ssh.host}:{ssh.port})"
