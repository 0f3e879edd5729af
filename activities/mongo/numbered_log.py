"""A collection whose documents bear the numbers 1, 2, 3 and so on, in the order in which they became visible.

A number is claimed by the insert itself: an index keeps numbers unique, and whoever finds one taken goes on
behind the last. A document gets a number only when the one before is visible, so a reader that has seen
number 6 will never miss number 5. The `_id` is the deterministic id of what is written, so writing it again,
at the same time or later, leaves one. Nothing is ever removed from the beginning.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pymongo import ASCENDING, IndexModel
from pymongo.errors import BulkWriteError
from pymongo.read_concern import ReadConcern

from activities.mongo.connection import Collection, Connection, Document
from workflows.domain.errors import Unavailable

CHUNK = 500
"""Documents in one insert or one read."""

_IDS = 100
"""Ids in one look-up; the embedded server reads everything when there are many more."""

_DUPLICATE = 11000
_MAX_STANDSTILLS = 50
_LONGEST_PAUSE = 0.2


class Item(NamedTuple):
    """What is to be written: its deterministic id, and its fields."""

    id: str
    fields: Document


class NumberedLog:
    """Appends and reads by number. Safe in any number of processes at once."""

    def __init__(self, connection: Connection, name: str, indexes: Sequence[IndexModel] = ()) -> None:
        number = IndexModel([("position", ASCENDING)], unique=True)
        self.collection: Collection = connection.collection(name, [number, *indexes])
        self._lock = asyncio.Lock()
        self._last = 0
        """A number that is known to be taken; the true last one is found from here."""

    async def append(self, items: Iterable[Item]) -> None:
        """Writes the items in this order behind the last; those that are there already stay where they are.

        Raises:
            Unavailable: some of them, from the front, may have been written; appending again is safe.
        """
        waiting = list({item.id: item for item in items}.values())
        async with self._lock:  # spares this process's writers from racing each other
            try:
                await self._append(waiting)
            except Unavailable:
                self._last = 0
                raise

    async def _append(self, waiting: list[Item]) -> None:
        standstills = 0
        while waiting:
            written = await self._insert(waiting[:CHUNK])
            self._last += written
            waiting = waiting[written:]
            if written == CHUNK or not waiting:
                continue
            # A number was taken, or an item is there already: look at both and go on.
            before = (self._last, len(waiting))
            self._last = await self._find_last()
            waiting = await self._missing(waiting)
            standstills = 0 if written or before != (self._last, len(waiting)) else standstills + 1
            if standstills > _MAX_STANDSTILLS:
                raise Unavailable(f"no number can be claimed in {self.collection.name} for now")
            if standstills:
                await asyncio.sleep(min(_LONGEST_PAUSE, 0.005 * 2**standstills))

    async def _insert(self, items: Sequence[Item]) -> int:
        """Inserts up to the first duplicate; how many that was."""
        documents = [
            {"_id": item.id, "position": position, **item.fields}
            for position, item in enumerate(items, self._last + 1)
        ]
        async with self.collection.opened() as collection:
            try:
                await collection.insert_many(documents, ordered=True)
            except BulkWriteError as error:
                failures = error.details["writeErrors"]
                if not failures or failures[0]["code"] != _DUPLICATE:
                    raise
                return int(failures[0]["index"])
        return len(documents)

    async def _missing(self, items: Sequence[Item]) -> list[Item]:
        """Those that are not yet there for good: what a minority of servers has may still be lost."""
        there: set[str] = set()
        async with self.collection.opened() as collection:
            settled = collection.with_options(read_concern=ReadConcern("majority"))
            for start in range(0, len(items), _IDS):
                ids = [item.id for item in items[start : start + _IDS]]
                async for document in settled.find({"_id": {"$in": ids}}, {"_id": 1}):
                    there.add(document["_id"])
        return [item for item in items if item.id not in there]

    async def last(self) -> int:
        """The last number; also how many documents there are."""
        try:
            self._last = max(self._last, await self._find_last())
        except Unavailable:
            self._last = 0
            raise
        return self._last

    async def _find_last(self) -> int:
        """Since there are no gaps, a search by single look-ups finds the end."""
        low, step = self._last, 1
        async with self.collection.opened() as collection:
            while await _is_taken(collection, low + step):
                low, step = low + step, step * 2
            while step > 1:
                step //= 2
                if await _is_taken(collection, low + step):
                    low += step
        return low

    async def read(self, after: int, limit: int, fields: Sequence[str] | None = None) -> list[Document]:
        """The documents numbered from `after + 1` to `after + limit`, in order; only `fields` where given."""
        wanted = {"position": {"$gt": after, "$lte": after + limit}}
        async with self.collection.opened() as collection:
            settled = collection.with_options(read_concern=ReadConcern("majority"))
            cursor = settled.find(wanted, list(fields) if fields else None).sort("position", ASCENDING)
            found: list[Document] = await cursor.to_list(None)
        return found


async def _is_taken(collection: Any, position: int) -> bool:
    return await collection.find_one({"position": position}, {"_id": 1}) is not None


def indexed(*fields: str) -> IndexModel:
    """An index for looking up by the fields together."""
    return IndexModel([(field, ASCENDING) for field in fields])
