"""Which servers an operation deletes, and what goes with them; and which names are free for new ones."""

from collections.abc import Sequence

from activities.cluster_planning import refuse_members
from activities.ledger_ports import InventoryItem, ServerLookup
from activities.provider_ports import ServerProviders
from workflows.contracts.servers import ServerDeletion
from workflows.domain.actions import DeleteServer
from workflows.domain.errors import Conflict, InvalidRequest, NotFound
from workflows.domain.resources import Server, ServerSpec


async def deletions(wanted: ServerDeletion, inventory: ServerLookup) -> list[DeleteServer]:
    """What has to be done, in the order of the request.

    Raises:
        NotFound: the inventory has no such server.
        InvalidRequest: one is at another provider.
        Conflict: one is a member of a cluster.
    """
    infra, names = wanted.config.infra, list(dict.fromkeys(wanted.config.names()))
    items = [await _look_up(wanted, name, inventory) for name in names]
    _all_found(infra, names, items)
    refuse_members(names, infra, await inventory.clusters(infra))
    found = [item for item in items if item is not None]
    _all_of_provider(wanted.provider, [item.server for item in found])
    return [DeleteServer(cause=wanted.cause, server=item.server, taskservs=item.taskservs) for item in found]


async def refuse_taken_name(spec: ServerSpec, item: InventoryItem | None, providers: ServerProviders) -> None:
    """Raises Conflict where `item`, of the same name, stands at another provider: the inventory keeps one."""
    if item is None or item.server.spec.provider == spec.provider:
        return
    other = item.server
    # What was deleted just now may still be in the inventory.
    found = await providers.get(other.spec.provider).find(spec.infra, spec.name)
    if found is not None and found.owner == other.owner:
        raise Conflict(f"server {spec.key} exists at provider {other.spec.provider}, not {spec.provider}")


async def _look_up(wanted: ServerDeletion, name: str, inventory: ServerLookup) -> InventoryItem | None:
    """From the inventory, unless the batch made the server so lately that it is not in there yet."""
    infra = wanted.config.infra
    known = next((s for s in wanted.known if (s.spec.infra, s.spec.name) == (infra, name)), None)
    item = await inventory.server(infra, name)
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
