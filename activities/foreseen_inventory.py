"""The inventory as it would be after changes that nobody has made yet."""

from collections.abc import Sequence

from activities.catalogue.catalogue import Catalogue
from activities.ledger_ports import InventoryItem, ServerLookup
from workflows.domain.changes import Change, ChangeKind, Foreseen
from workflows.domain.resources import Cluster, Server, ServerSpec, SshEndpoint, Taskserv

UNKNOWN = "(known after it is made)"


class ForeseenInventory:
    """Implements `ServerLookup` over what is there and what is foreseen."""

    def __init__(self, there: ServerLookup, foreseen: Foreseen, catalogue: Catalogue) -> None:
        self._there = there
        self._foreseen = foreseen
        self._catalogue = catalogue

    async def catch_up(self) -> int:
        return await self._there.catch_up()

    async def server(self, infra: str, name: str) -> InventoryItem | None:
        key = f"{infra}/{name}"
        change = self._foreseen.server(key)
        if change is None:
            item = await self._there.server(infra, name)
            return item and self._with_changes(item)
        return self._made(change)

    async def servers(self, infra: str | None = None, provider: str | None = None) -> Sequence[InventoryItem]:
        there = await self._there.servers(infra, provider)
        found = {item.server.key: self._with_changes(item) for item in there}
        for key, change in self._foreseen.servers(infra).items():
            found.pop(key, None)
            item = self._made(change)
            if item is not None and provider in (None, item.server.spec.provider):
                found[key] = item
        return list(found.values())

    async def clusters(self, infra: str | None = None) -> Sequence[Cluster]:
        found = {cluster.key: cluster for cluster in await self._there.clusters(infra)}
        for key, change in self._foreseen.clusters(infra).items():
            found.pop(key, None)
            if change.cluster is not None:
                found[key] = change.cluster
        return list(found.values())

    def _made(self, change: Change) -> InventoryItem | None:
        if change.kind is ChangeKind.DELETE or change.server is None:
            return None
        return self._with_changes(InventoryItem(server=change.server, task_id=""))

    def _with_changes(self, item: InventoryItem) -> InventoryItem:
        on_it = {taskserv.name: taskserv for taskserv in item.taskservs}
        for name, change in self._foreseen.taskservs(item.server.key).items():
            if change.kind is ChangeKind.DELETE:
                on_it.pop(name, None)
            else:
                on_it[name] = Taskserv(
                    name=name,
                    params=change.params or {},
                    server=item.server,
                    address=UNKNOWN,
                    owner="",
                    requires=self._catalogue.get(name).service.requires,
                )
        return item.model_copy(update={"taskservs": tuple(on_it.values())})


def as_it_would_be(spec: ServerSpec) -> Server:
    """A server that is not there yet: nobody's, and nowhere."""
    nowhere = SshEndpoint(host=UNKNOWN, port=0, user=spec.ssh_user or "")
    return Server(spec=spec, provider_id="", owner="", ssh=nowhere)


def is_there(server: Server) -> bool:
    """Whether it stands, and is not just foreseen."""
    return server.owner != ""
