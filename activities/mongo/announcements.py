"""What was announced last: one document for each subject, changed by whoever announces."""

import time

from pymongo.errors import DuplicateKeyError

from activities.mongo.connection import Connection, Document
from activities.monitoring_ports import Announced


class MongoAnnouncements:
    """Implements `Announcements`."""

    def __init__(self, connection: Connection, subject: str) -> None:
        self._markers = connection.collection("markers")
        self._id = subject

    async def last(self) -> Announced | None:
        """One that cannot be read is removed, so that the next claim begins anew."""
        async with self._markers.opened() as collection:
            document = await collection.find_one({"_id": self._id})
            if document is None:
                return None
            readable = self._markers.readable([document], _announced)
            if not readable:
                await collection.delete_one({"_id": self._id})
        return readable[0] if readable else None

    async def claim(self, previous: Announced | None, text: str) -> Announced | None:
        """Makes `text` the last announcement, behind `previous`; None if somebody else was first."""
        if previous is None:
            # Begins at the time of day: a number that was once given is not given again for another text.
            first = Announced(int(time.time()), text)
            return first if await self._insert(first) else None
        next_one = Announced(previous.number + 1, text)
        async with self._markers.opened() as collection:
            written = await collection.update_one(
                {"_id": self._id, "number": previous.number}, {"$set": next_one._asdict()}
            )
        return next_one if written.modified_count else None

    async def _insert(self, first: Announced) -> bool:
        async with self._markers.opened() as collection:
            try:
                await collection.insert_one({"_id": self._id, **first._asdict()})
            except DuplicateKeyError:
                return False
        return True


def _announced(document: Document) -> Announced:
    number, text = document["number"], document["text"]
    if not isinstance(number, int) or not isinstance(text, str):
        raise TypeError
    return Announced(number, text)
