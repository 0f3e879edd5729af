"""Checkpoints, numbered in the order in which they were made, and their pictures.

A picture is compressed JSON, cut into documents far below MongoDB's limit of 16 MB, so an inventory may be of
any size. The pieces bear the picture's digest and come first: a checkpoint that is there is complete, also
where two requests make one of the same id at the same time.
"""

import asyncio
import hashlib
import itertools
import zlib
from collections.abc import Sequence

from activities.mongo.connection import Connection, Document
from activities.mongo.numbered_log import Item, NumberedLog
from activities.ports import Page
from workflows.domain.rollbacks import Checkpoint, Picture

PIECE = 4 * 1024 * 1024
"""Bytes of a picture in one document."""


class MongoCheckpoints:
    """Implements `CheckpointStore`."""

    def __init__(self, connection: Connection) -> None:
        self._log = NumberedLog(connection, "checkpoints")
        self._pieces = connection.collection("checkpoint_pieces")

    async def add(self, checkpoint: Checkpoint, picture: Picture) -> Checkpoint:
        """The checkpoint with its size; where there is one of this id already, that one."""
        packed, digest = await asyncio.to_thread(_pack, picture)
        count = -(-len(packed) // PIECE)
        async with self._pieces.opened() as collection:
            for number in range(count):
                piece = packed[number * PIECE : (number + 1) * PIECE]
                wanted = {"_id": _piece_id(checkpoint.id, digest, number)}
                await collection.update_one(wanted, {"$set": {"data": piece}}, upsert=True)
        complete = checkpoint.model_copy(update={"size": len(packed)})
        fields = complete.model_dump(mode="json", exclude={"id", "position"})
        fields |= {"ledger_position": checkpoint.position, "digest": digest, "pieces": count}
        await self._log.append([Item(checkpoint.id, fields)])
        return await self.get(checkpoint.id) or complete

    async def get(self, checkpoint_id: str) -> Checkpoint | None:
        found = self._log.collection.readable(await self._document(checkpoint_id), _checkpoint)
        return found[0] if found else None

    async def picture(self, checkpoint_id: str) -> Picture | None:
        """What existed then; None where there is no such checkpoint, or it cannot be read."""
        names = self._log.collection.readable(await self._document(checkpoint_id), _piece_names)
        documents: list[Document] = []
        async with self._pieces.opened() as collection:
            for name in itertools.chain.from_iterable(names):
                documents.append(await collection.find_one({"_id": name}) or {"_id": name})
        pieces = self._pieces.readable(documents, _piece)
        if not names or len(pieces) < len(documents):
            return None
        whole = {"_id": checkpoint_id, "data": b"".join(pieces)}
        read = await asyncio.to_thread(self._log.collection.readable, [whole], _picture)
        return read[0] if read else None

    async def page(self, *, limit: int, offset: int) -> Page[Checkpoint]:
        """Newest first."""
        total = await self._log.last()
        upper = max(0, total - offset)
        lower = max(0, upper - limit)
        documents = await self._log.read(lower, upper - lower) if upper > lower else []
        return Page(self._log.collection.readable(reversed(documents), _checkpoint), total)

    async def _document(self, checkpoint_id: str) -> Sequence[Document]:
        async with self._log.collection.opened() as collection:
            document = await collection.find_one({"_id": checkpoint_id})
        return [document] if document else []


def _pack(picture: Picture) -> tuple[bytes, str]:
    text = picture.model_dump_json().encode()
    return zlib.compress(text), hashlib.sha256(text).hexdigest()


def _picture(document: Document) -> Picture:
    try:
        text = zlib.decompress(document["data"])
    except zlib.error as error:
        raise ValueError("its pieces make no picture") from error
    return Picture.model_validate_json(text)


def _piece(document: Document) -> bytes:
    data = document["data"]
    if not isinstance(data, bytes):
        raise TypeError("a piece is no bytes")
    return data


def _piece_names(document: Document) -> list[str]:
    digest = document["digest"]
    if not isinstance(digest, str):
        raise TypeError("a digest is text")
    return [_piece_id(document["_id"], digest, number) for number in range(document["pieces"])]


def _piece_id(checkpoint_id: str, digest: str, number: int) -> str:
    return f"{checkpoint_id}/{digest}/{number}"


def _checkpoint(document: Document) -> Checkpoint:
    own = {"id": document["_id"], "position": document["ledger_position"]}
    return Checkpoint.model_validate({**document, **own})
