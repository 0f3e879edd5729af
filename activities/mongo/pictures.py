"""The inventory as it was at one position of the ledger, taken while others go on changing it."""

from collections.abc import Iterable

from pydantic import TypeAdapter

from activities.mongo.connection import Collection, Document
from activities.mongo.ledger import MongoLedger
from workflows.domain.inventory import InventoryEntry, LedgerEntry, fold, newest
from workflows.domain.resources import Resource
from workflows.domain.rollbacks import Picture

_resource: TypeAdapter[Resource] = TypeAdapter(Resource)


async def picture_at(position: int, inventory: Collection, ledger: MongoLedger) -> Picture:
    """The inventory as the ledger's first `position` entries made it; it must have been folded so far.

    Costs a reading of the inventory, and a look-up for each server that has been touched since `position`:
    for those the documents are not to be trusted, and the ledger itself is asked.
    """
    async with inventory.opened() as collection:
        documents = await collection.find({"exists": True}).to_list(None)
    found = {entry.key: entry for entry in inventory.readable(documents, _entry)}
    # Read after the documents were: whatever any of them shows of later effects is in here.
    later = await _later(position, ledger)
    for entry in later:
        found.pop(entry.effect.key, None)
    touched = {entry.effect.key for entry in later}
    of_servers = await ledger.of_servers({entry.effect.server.key for entry in later})
    earlier = [e for e in of_servers if e.position <= position and e.effect.key in touched]
    found.update(_folded(earlier))
    return Picture(position=position, entries=tuple(found[key] for key in sorted(found)))


async def _later(position: int, ledger: MongoLedger) -> list[LedgerEntry]:
    found: list[LedgerEntry] = []
    while True:
        last, entries = await ledger.after(position)
        if last == position:
            return found
        found.extend(entries)
        position = last


def _folded(entries: Iterable[LedgerEntry]) -> dict[str, InventoryEntry]:
    folded = {key: fold(entry) for key, entry in newest(entries).items()}
    return {key: entry for key, entry in folded.items() if entry.resource is not None}


def _entry(document: Document) -> InventoryEntry:
    return InventoryEntry(
        key=document["_id"],
        position=document["position"],
        resource=_resource.validate_json(document["json"]),
        task_id=document["task_id"],
    )
