"""The ledger: every effect, in the order in which it was written down."""

from collections.abc import Collection, Iterable, Sequence

from activities.mongo.connection import Connection, Document
from activities.mongo.numbered_log import CHUNK, Item, NumberedLog, indexed
from activities.ports import Page
from workflows.domain.effects import Effect
from workflows.domain.inventory import LedgerEntry

_IDS = 100
_FILTERS = ("task_id", "server", "server_name", "batch_id")


class MongoLedger:
    """Implements `Ledger`. What undid an effect is derived, so that entries never change."""

    def __init__(self, connection: Connection) -> None:
        indexes = [indexed(name, "position") for name in _FILTERS]
        self._log = NumberedLog(connection, "ledger", [*indexes, indexed("undoes")])

    async def append(self, effects: Sequence[Effect]) -> None:
        """Writes the effects in this order; those that are there already stay where they are."""
        await self._log.append(_item(effect) for effect in effects)

    async def after(self, position: int) -> tuple[int, Sequence[LedgerEntry]]:
        """Some entries behind `position`, in order, and the position of the last one that was looked at.

        That one is `position` itself where there are no more. `undone_by` is left out.
        """
        documents = await self._log.read(position, CHUNK)
        last = int(documents[-1]["position"]) if documents else position
        return last, self._log.collection.readable(documents, _entry)

    async def by_task(self, task_id: str) -> Sequence[LedgerEntry]:
        """The entries of one task, oldest first."""
        async with self._log.collection.opened() as collection:
            documents = await collection.find({"task_id": task_id}).to_list(None)
        return sorted(await self._entries(documents), key=_position_of)

    async def of_tasks(self, task_ids: Collection[str]) -> Sequence[LedgerEntry]:
        """The effects of these tasks, and all that undid them, and that again; oldest first."""
        found = {entry.effect.id: entry for entry in await self._by("task_id", task_ids)}
        following = list(found)
        while following:
            newer = {e.effect.id: e for e in await self._by("undoes", following) if e.effect.id not in found}
            found |= newer
            following = list(newer)
        return sorted(found.values(), key=_position_of)

    async def of_servers(self, keys: Collection[str]) -> Sequence[LedgerEntry]:
        """All that was ever done to these servers (`infra/name`) and on them, oldest first."""
        return sorted(await self._by("server", keys), key=_position_of)

    async def at(self, positions: Sequence[int]) -> Sequence[LedgerEntry]:
        """The entries at these positions, in this order."""
        documents = await self._found("position", positions)
        entries = {entry.position: entry for entry in await self._entries(documents)}
        return [entries[position] for position in positions if position in entries]

    async def _by(self, field: str, values: Collection[str]) -> list[LedgerEntry]:
        return self._log.collection.readable(await self._found(field, sorted(values)), _entry)

    async def _found(self, field: str, values: Sequence[object]) -> list[Document]:
        documents: list[Document] = []
        async with self._log.collection.opened() as collection:
            for start in range(0, len(values), _IDS):
                some = {field: {"$in": list(values[start : start + _IDS])}}
                documents += await collection.find(some).to_list(None)
        return documents

    async def page(
        self,
        *,
        task_id: str | None = None,
        batch_id: str | None = None,
        server: str | None = None,
        limit: int,
        offset: int,
    ) -> Page[LedgerEntry]:
        """The ledger, newest first. `server` is a name, or `infra/name`."""
        server_field = "server" if server and "/" in server else "server_name"
        filters = {"task_id": task_id, "batch_id": batch_id, server_field: server}
        wanted = {name: value for name, value in filters.items() if value is not None}
        if wanted:
            return await self._filtered(wanted, limit, offset)
        total = await self._log.last()
        upper = max(0, total - offset)
        lower = max(0, upper - limit)
        documents = await self._log.read(lower, upper - lower) if upper > lower else []
        return Page(await self._entries(reversed(documents)), total)

    async def _filtered(self, wanted: dict[str, str], limit: int, offset: int) -> Page[LedgerEntry]:
        async with self._log.collection.opened() as collection:
            found = await collection.find(wanted, {"position": 1}).to_list(None)
            positions = sorted(self._log.collection.readable(found, _position), reverse=True)
        documents = await self._found("position", positions[offset : offset + limit])
        entries = await self._entries(documents)
        return Page(sorted(entries, key=_position_of, reverse=True), len(positions))

    async def _entries(self, documents: Iterable[Document]) -> list[LedgerEntry]:
        entries = self._log.collection.readable(documents, _entry)
        undone = await self._undone([entry.effect.id for entry in entries])
        return [entry.model_copy(update={"undone_by": undone.get(entry.effect.id)}) for entry in entries]

    async def _undone(self, ids: Sequence[str]) -> dict[str, str]:
        """The effects among `ids` that were undone, with what undid them."""
        undone: dict[str, str] = {}
        async with self._log.collection.opened() as collection:
            for start in range(0, len(ids), _IDS):
                wanted = {"undoes": {"$in": list(ids[start : start + _IDS])}}
                async for document in collection.find(wanted, {"_id": 1, "undoes": 1}):
                    undone[document["undoes"]] = document["_id"]
        return undone


def _item(effect: Effect) -> Item:
    fields = {
        "task_id": effect.cause.task_id,
        "batch_id": effect.cause.batch_id,
        "server": effect.server.key,
        "server_name": effect.server.spec.name,
        "undoes": effect.cause.undoes,
        "json": effect.model_dump_json(),
    }
    return Item(effect.id, {name: value for name, value in fields.items() if value is not None})


def _position(document: Document) -> int:
    return int(document["position"])


def _position_of(entry: LedgerEntry) -> int:
    return entry.position


def _entry(document: Document) -> LedgerEntry:
    return LedgerEntry(position=document["position"], effect=Effect.model_validate_json(document["json"]))
