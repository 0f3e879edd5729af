"""Holds the inventory against the ledger, replayed from nothing, and mends it.

Every resource that the ledger tells of must have exactly the document that its newest entry makes, and there
must be no other. Of the ledger only the newest position of each resource is held in memory.

Nothing stands still meanwhile. So a difference counts only if the ledger did not touch the resource while its
document was read, and it is mended only if the document still bears the position that was read. What was
mended is then looked at once more: while a wrong document stood there, others may have folded in vain.
Whoever dies over it leaves what was wrong before, or less of it.
"""

import json
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from pymongo import DeleteOne, InsertOne, ReplaceOne

from activities.ledger_ports import Difference, DifferenceKind, Rebuild
from activities.mongo.connection import Document
from activities.mongo.inventory import MARKER, MongoInventory, Write, document_of
from activities.mongo.ledger import MongoLedger
from workflows.domain.inventory import newest

_IDS = 100
_AT_ONCE = 1000
"""Resources whose documents may be in memory at a time."""
_LOOKS = 20
"""How often a resource is looked at: once more each time that it was mended, or touched meanwhile."""


class _Found(NamedTuple):
    """A resource whose document is not the one that the ledger makes; None where there is none."""

    key: str
    wanted: Document | None
    kept: Document | None


class MongoInventoryRebuild:
    """Implements `InventoryRebuild`."""

    def __init__(self, ledger: MongoLedger, inventory: MongoInventory) -> None:
        self._ledger = ledger
        self._inventory = inventory

    async def run(self, *, mend: bool) -> Rebuild:
        replay = _Replay(self._ledger)
        found: dict[str, Difference] = {}
        await self._check_marker(replay, found, mend=mend)
        keys = set(replay.newest)
        async for identity in self._kept():
            if isinstance(identity, str):
                keys.add(identity)
            else:
                found[str(identity)] = await self._foreign(identity, mend=mend)
        for _ in range(_LOOKS):
            portions = list(_portions(keys, _AT_ONCE))
            keys = set()
            for some in portions:
                keys |= await self._judge(replay, some, found, mend=mend)
        return Rebuild(
            position=replay.position,
            resources=len(replay.newest),
            differences=tuple(found[key] for key in sorted(found)),
            unreadable=tuple(sorted(replay.unreadable)),
        )

    async def _check_marker(self, replay: "_Replay", found: dict[str, Difference], *, mend: bool) -> None:
        """Folding goes on behind the marker: with one behind the ledger's end, what comes next never is."""
        marker = await self._inventory.folded_up_to()
        await replay.go_on()
        if marker <= replay.position:
            return
        mended = False
        if mend:
            wrong = {"_id": MARKER, "position": marker}
            async with self._inventory.markers.opened() as collection:
                result = await collection.update_one(wrong, {"$set": {"position": replay.position}})
            mended = bool(result.matched_count)
        found[MARKER] = Difference(
            key=MARKER, kind=DifferenceKind.DIFFERENT, fields=("position",), mended=mended
        )

    async def _foreign(self, identity: Any, *, mend: bool) -> Difference:
        """Of a document that nobody here wrote: all of ours are named by a text."""
        if mend:
            async with self._inventory.entries.opened() as collection:
                await collection.delete_one({"_id": identity})
        return Difference(key=str(identity), kind=DifferenceKind.SURPLUS, mended=mend)

    async def _judge(
        self, replay: "_Replay", keys: Collection[str], found: dict[str, Difference], *, mend: bool
    ) -> set[str]:
        """Adds to `found` what is wrong with these; returns those that must be looked at once more."""
        await replay.go_on()
        # All that the replay knows is folded from here on, by whomever.
        await self._inventory.catch_up()
        differing = [one async for one in self._differing(replay, keys)]
        touched = await replay.go_on()
        again: set[str] = set()
        for one in differing:
            if one.key in touched:
                again.add(one.key)
                continue
            difference = _difference(one, replay.unreadable)
            found.setdefault(one.key, difference)
            if mend and difference.kind is not DifferenceKind.UNREADABLE:
                again.add(one.key)
        await self._inventory.write([_mending(one) for one in differing if one.key in again - touched])
        for key in set(keys) - {one.key for one in differing}:
            if key in found:
                found[key] = found[key].model_copy(update={"mended": True})
        return again

    async def _differing(self, replay: "_Replay", keys: Collection[str]) -> AsyncIterator[_Found]:
        for some in _portions(keys, _IDS):
            positions = [replay.newest[key] for key in some if key in replay.newest]
            entries = {entry.effect.key: entry for entry in await self._ledger.at(positions)}
            kept = await self._documents(some)
            for key in some:
                if key in replay.newest and key not in entries:
                    continue  # its entry was spoilt just now: the next one reports that
                wanted = document_of(entries[key]) if key in entries else None
                if canonical(wanted) != canonical(kept.get(key)):
                    yield _Found(key, wanted, kept.get(key))

    async def _documents(self, keys: Sequence[str]) -> dict[str, Document]:
        async with self._inventory.entries.opened() as collection:
            found = await collection.find({"_id": {"$in": keys}}).to_list(None)
        return {document["_id"]: document for document in found}

    async def _kept(self) -> AsyncIterator[Any]:
        """The ids of all documents. Any field of theirs may be spoilt, so no index leads to all of them."""
        async with self._inventory.entries.opened() as collection:
            async for document in collection.find({}, {"_id": 1}):
                yield document["_id"]


class _Replay:
    """The ledger from its beginning, as far as it was read: the newest position of each resource."""

    def __init__(self, ledger: MongoLedger) -> None:
        self._ledger = ledger
        self.position = 0
        self.newest: dict[str, int] = {}
        self.unreadable: set[int] = set()

    async def go_on(self) -> set[str]:
        """Reads what is new; the keys of the resources that it touched."""
        touched: set[str] = set()
        while True:
            last, entries = await self._ledger.after(self.position)
            if last == self.position:
                return touched
            changed = {key: entry.position for key, entry in newest(entries).items()}
            self.newest |= changed
            touched |= changed.keys()
            self.unreadable |= set(range(self.position + 1, last + 1)) - {e.position for e in entries}
            self.position = last


def _mending(one: _Found) -> Write:
    """Puts right what was read, unless there is another one by now."""
    as_read = {"_id": one.key, "position": one.kept.get("position") if one.kept else None}
    if one.wanted is None:
        return DeleteOne(as_read)
    return InsertOne(one.wanted) if one.kept is None else ReplaceOne(as_read, one.wanted)


def canonical(document: Document | None) -> bytes:
    """The same bytes for the same document, in whatever order its fields are."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), default=repr).encode()


def _difference(one: _Found, unreadable: Collection[int]) -> Difference:
    if one.kept is None:
        return Difference(key=one.key, kind=DifferenceKind.MISSING)
    position = one.kept.get("position")
    if isinstance(position, int) and position in unreadable and position > _position(one.wanted):
        return Difference(key=one.key, kind=DifferenceKind.UNREADABLE)
    if one.wanted is None:
        return Difference(key=one.key, kind=DifferenceKind.SURPLUS)
    fields = one.wanted.keys() | one.kept.keys()
    differing = [name for name in sorted(fields) if _value(one.wanted, name) != _value(one.kept, name)]
    return Difference(key=one.key, kind=DifferenceKind.DIFFERENT, fields=tuple(differing))


def _position(document: Document | None) -> int:
    return int(document["position"]) if document else 0


def _value(document: Document, name: str) -> bytes:
    return canonical({name: document[name]} if name in document else None)


def _portions(keys: Collection[str], size: int) -> Iterator[list[str]]:
    rest = iter(sorted(keys))
    while some := list(islice(rest, size)):
        yield some
