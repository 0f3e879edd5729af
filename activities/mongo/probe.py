"""Whether the database keeps what is written: one that is full or read-only answers a ping all the same."""

import asyncio
from datetime import timedelta
from uuid import uuid4

from pymongo import ASCENDING, IndexModel

from activities.mongo.connection import Connection
from workflows.domain.errors import Unavailable

_KEPT = timedelta(hours=1)
"""How long the document of a process that ended stays."""


class Probe:
    """Writes one document, the process's own, over and over."""

    def __init__(self, connection: Connection) -> None:
        expiry = IndexModel([("at", ASCENDING)], expireAfterSeconds=int(_KEPT.total_seconds()))
        self._probes = connection.collection("probes", [expiry])
        self._id = uuid4().hex
        self._turn = asyncio.Lock()
        """Of two at once each would read what the other has written."""

    async def write_and_read(self) -> None:
        """Raises Unavailable where the write is not taken, or something else is read."""
        mark = uuid4().hex
        change = {"$set": {"mark": mark}, "$currentDate": {"at": True}}
        async with self._turn, self._probes.opened() as collection:
            await collection.update_one({"_id": self._id}, change, upsert=True)
            found = await collection.find_one({"_id": self._id})
        if found is None or found.get("mark") != mark:
            raise Unavailable("the database does not give back what was written")
