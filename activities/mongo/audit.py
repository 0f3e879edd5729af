"""The audit log: one document for each entry, forgotten after its time by the database itself."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pymongo import ASCENDING, IndexModel

from activities.audit_ports import AuditEntry
from activities.mongo.connection import Connection, Document
from activities.mongo.numbered_log import indexed
from activities.ports import Page

_IDS = 100


class MongoAuditLog:
    """Implements `AuditLog`."""

    def __init__(self, connection: Connection, retention: timedelta) -> None:
        forgotten = IndexModel([("expires", ASCENDING)], expireAfterSeconds=0)
        indexes = [indexed("at"), indexed("username", "at"), indexed("path", "at"), forgotten]
        self._entries = connection.collection("audit", indexes)
        self._retention = retention

    async def keep(self, entry: AuditEntry) -> None:
        fields = {
            "at": entry.at,
            "username": entry.username,
            "path": entry.path,
            "expires": entry.at + self._retention,
            "json": entry.model_dump_json(),
        }
        async with self._entries.opened() as collection:
            await collection.update_one({"_id": entry.id}, {"$set": fields}, upsert=True)

    async def page(
        self,
        *,
        since: datetime,
        until: datetime,
        username: str | None = None,
        path: str | None = None,
        limit: int,
        offset: int,
    ) -> Page[AuditEntry]:
        """Looks at the times of all that fit, so what it costs grows with the time that is asked for."""
        filters = {"username": username, "path": path}
        wanted: Document = {name: value for name, value in filters.items() if value is not None}
        wanted["at"] = {"$gte": since, "$lt": until}
        async with self._entries.opened() as collection:
            found = await collection.find(wanted, {"at": 1}).to_list(None)
        newest = sorted(self._entries.readable(found, _place), reverse=True)
        ids = [identity for _, identity in newest[offset : offset + limit]]
        return Page(await self._named(ids), len(newest))

    async def _named(self, ids: Sequence[str]) -> list[AuditEntry]:
        documents: list[Document] = []
        async with self._entries.opened() as collection:
            for start in range(0, len(ids), _IDS):
                some = {"_id": {"$in": list(ids[start : start + _IDS])}}
                documents += await collection.find(some).to_list(None)
        entries = {entry.id: entry for entry in self._entries.readable(documents, _entry)}
        return [entries[identity] for identity in ids if identity in entries]


def _place(document: Document) -> tuple[datetime, str]:
    at, identity = document["at"], document["_id"]
    if not isinstance(at, datetime) or not isinstance(identity, str):
        raise TypeError("at is no time, or the id no text")
    return at.replace(tzinfo=UTC), identity


def _entry(document: Document) -> AuditEntry:
    return AuditEntry.model_validate_json(document["json"])
