"""The inventory: the ledger folded up, kept as it grows.

Every resource has one document, which stays behind when the resource is gone and bears the position of the
last effect that touched it. A fold only ever moves a document forward, so any number of processes may fold
the same entries, again and at the same time, and all arrive at the same inventory.
"""

from collections.abc import Collection, Iterable, Sequence

from pydantic import TypeAdapter
from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from activities.ledger_ports import InventoryItem
from activities.mongo.connection import Connection, Document
from activities.mongo.ledger import MongoLedger
from activities.mongo.numbered_log import indexed
from activities.mongo.pictures import picture_at
from workflows.domain.inventory import LedgerEntry, fold, newest
from workflows.domain.resources import Cluster, Resource, Server, Taskserv
from workflows.domain.rollbacks import Picture

_resource: TypeAdapter[Resource] = TypeAdapter(Resource)
MARKER = "inventory"
Write = InsertOne[Document] | UpdateOne | ReplaceOne[Document] | DeleteOne

_DUPLICATE = 11000
_IDS = 100


class MongoInventory:
    """Implements `Inventory`."""

    def __init__(self, connection: Connection, ledger: MongoLedger) -> None:
        self._ledger = ledger
        self.entries = connection.collection("inventory", [indexed("exists", "infra"), indexed("server")])
        self.markers = connection.collection("markers")

    async def catch_up(self) -> int:
        """Folds in every ledger entry that is not folded in yet; the position of the last one."""
        done = await self.folded_up_to()
        while True:
            last, entries = await self._ledger.after(done)
            if last == done:
                return done
            await self._fold(entries)
            await self._mark(last)
            done = last

    async def picture(self) -> Picture:
        """What exists at the ledger's end, which it names, whatever goes on meanwhile."""
        return await picture_at(await self.catch_up(), self.entries, self._ledger)

    async def named(self, keys: Collection[str]) -> dict[str, Server]:
        """The servers among `keys` (`infra/name`) that exist, by key."""
        documents: list[Document] = []
        wanted = sorted(f"server:{key}" for key in keys)
        async with self.entries.opened() as collection:
            for start in range(0, len(wanted), _IDS):
                some = {"_id": {"$in": wanted[start : start + _IDS]}}
                documents += await collection.find(some).to_list(None)
        found = self._items(document for document in documents if document.get("exists"))
        return {item.server.key: item.server for item in found}

    async def server(self, infra: str, name: str) -> InventoryItem | None:
        async with self.entries.opened() as collection:
            documents = await collection.find({"server": f"{infra}/{name}"}).to_list(None)
        items = self._items(document for document in documents if document.get("exists"))
        return items[0] if items else None

    async def servers(self, infra: str | None = None, provider: str | None = None) -> Sequence[InventoryItem]:
        """The servers of an infra, of a provider, of both, or all of them; by infra and name."""
        wanted: Document = {"exists": True} if infra is None else {"exists": True, "infra": infra}
        async with self.entries.opened() as collection:
            documents = await collection.find(wanted).to_list(None)
        items = self._items(documents)
        return [item for item in items if provider is None or item.server.spec.provider == provider]

    async def clusters(self, infra: str | None = None) -> Sequence[Cluster]:
        """The clusters of an infra, or all of them; by infra and name."""
        wanted: Document = {"exists": True} if infra is None else {"exists": True, "infra": infra}
        async with self.entries.opened() as collection:
            documents = await collection.find(wanted).to_list(None)
        found = (resource for resource, _ in self.entries.readable(documents, _read))
        return sorted((one for one in found if isinstance(one, Cluster)), key=lambda cluster: cluster.key)

    def _items(self, documents: Iterable[Document]) -> list[InventoryItem]:
        servers: dict[str, tuple[Server, str]] = {}
        taskservs: dict[str, list[Taskserv]] = {}
        for resource, task_id in self.entries.readable(documents, _read):
            if isinstance(resource, Server):
                servers[resource.key] = (resource, task_id)
            elif isinstance(resource, Taskserv):
                taskservs.setdefault(resource.server.key, []).append(resource)
        return [
            InventoryItem(
                server=server,
                task_id=task_id,
                taskservs=tuple(sorted(taskservs.get(key, ()), key=lambda taskserv: taskserv.name)),
            )
            for key, (server, task_id) in sorted(servers.items())
        ]

    async def folded_up_to(self) -> int:
        async with self.markers.opened() as collection:
            marker = await collection.find_one({"_id": MARKER})
            found = self.markers.readable([marker] if marker else [], _position)
            if marker and not found:
                # Folding everything again changes nothing; with the spoilt marker it would be every time.
                await collection.delete_one({"_id": MARKER})
        return found[0] if found else 0

    async def _fold(self, entries: Sequence[LedgerEntry]) -> None:
        changes = list(newest(entries).values())
        # What is new is inserted, at a fifth of what a guarded update costs; if it was there, that follows.
        known = await self.write(
            [_insertion(entry) if _is_new(entry) else _update(entry) for entry in changes]
        )
        await self.write([_update(changes[index]) for index in known if _is_new(changes[index])])

    async def write(self, writes: Sequence[Write]) -> list[int]:
        """The places of the writes that met a document which is there already, and is newer or not."""
        if not writes:
            return []
        async with self.entries.opened() as collection:
            try:
                await collection.bulk_write(writes, ordered=False)
            except BulkWriteError as error:
                # An update whose guard does not match tries to insert: the document is newer already.
                failures = error.details["writeErrors"]
                if any(e["code"] != _DUPLICATE for e in failures) or error.details["writeConcernErrors"]:
                    raise
                return [int(failure["index"]) for failure in failures]
        return []

    async def _mark(self, position: int) -> None:
        older = {"_id": MARKER, "position": {"$lt": position}}
        async with self.markers.opened() as collection:
            try:
                await collection.update_one(older, {"$set": {"position": position}}, upsert=True)
            except DuplicateKeyError:
                return  # another fold is further


def document_of(entry: LedgerEntry) -> Document:
    """What is kept of the resource after `entry`."""
    return {"_id": entry.effect.key, **_fields(entry)}


def _is_new(entry: LedgerEntry) -> bool:
    return entry.effect.before is None and entry.effect.after is not None


def _insertion(entry: LedgerEntry) -> InsertOne[Document]:
    return InsertOne(document_of(entry))


def _update(entry: LedgerEntry) -> UpdateOne:
    older = {"_id": entry.effect.key, "position": {"$lt": entry.position}}
    return UpdateOne(older, {"$set": _fields(entry)}, upsert=True)


def _fields(entry: LedgerEntry) -> Document:
    folded, server = fold(entry), entry.effect.server
    return {
        "position": folded.position,
        "exists": folded.resource is not None,
        "infra": server.spec.infra,
        "server": server.key,
        "task_id": folded.task_id,
        "json": _resource.dump_json(folded.resource).decode() if folded.resource else None,
    }


def _position(document: Document) -> int:
    return int(document["position"])


def _read(document: Document) -> tuple[Resource, str]:
    return _resource.validate_json(document["json"]), str(document["task_id"])
