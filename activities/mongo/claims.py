"""Claims: one document for each idempotency key of a client, found and made by its `_id` alone."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from activities.mongo.connection import Connection, Document
from activities.ports import Claim
from workflows.domain.errors import Conflict, Unavailable

LIFETIME = timedelta(hours=24)
"""Shorter than Temporal keeps executions, so that a claim without an answer still meets its own."""

_ROUNDS = 10
_PAUSE = 0.05
"""Seconds between tries to read a claim that another process is making or that expires just then."""


class MongoClaimStore:
    """Implements `ClaimStore`. The insert is what claims: of any number at once, one succeeds."""

    def __init__(self, connection: Connection) -> None:
        expiry = IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0)
        self._claims = connection.collection("idempotency", [expiry])

    async def find(self, claim_id: str) -> Claim | None:
        async with self._claims.opened() as collection:
            return self._claim(await _settled(collection).find_one({"_id": claim_id}))

    async def claim(self, wanted: Claim) -> Claim:
        for _ in range(_ROUNDS):
            async with self._claims.opened() as collection:
                try:
                    await collection.insert_one(_document(wanted))
                except DuplicateKeyError:
                    there = self._claim(await _settled(collection).find_one({"_id": wanted.id}))
                else:
                    return wanted
            if there is not None:
                return there
            await asyncio.sleep(_PAUSE)
        raise Unavailable("the record of this request changes all the time")

    async def answered(self, claim_id: str, answer: str) -> str:
        async with self._claims.opened() as collection:
            changed = await collection.update_one(
                {"_id": claim_id, "answer": None}, {"$set": {"answer": answer}}
            )
            if changed.modified_count:
                return answer
            there = self._claim(await collection.find_one({"_id": claim_id}))
        return answer if there is None or there.answer is None else there.answer

    def _claim(self, document: Any) -> Claim | None:
        if document is None:
            return None
        read = self._claims.readable([document], _claim)
        if not read:
            raise Conflict("the record of this Idempotency-Key cannot be read; use another key")
        return read[0]


def _settled(collection: Any) -> Any:
    """Reads what is there for good: a claim that a minority of servers has may still become another."""
    return collection.with_options(read_concern=ReadConcern("majority"))


def _document(claim: Claim) -> Document:
    fields = claim.model_dump(mode="json", exclude={"id"})
    return {"_id": claim.id, **fields, "expires_at": datetime.now(UTC) + LIFETIME}


def _claim(document: Document) -> Claim:
    return Claim.model_validate({**document, "id": document["_id"]})
