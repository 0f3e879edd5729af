"""Attempts at logging in that did not succeed, or not yet, for every API process to count.

One document holds the attempts under one key, at most as many as its limit, so that taking a place and
counting them is one conditional update.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError, WriteError

from activities.mongo.connection import Connection, Document


class MongoLoginAttempts:
    """Implements `LoginAttemptStore`."""

    def __init__(self, connection: Connection) -> None:
        expiry = IndexModel([("expires", ASCENDING)], expireAfterSeconds=0)
        self._attempts = connection.collection("login_attempts", [expiry])

    async def reserve(
        self, key: str, attempt_id: str, at: datetime, window: timedelta, limit: int
    ) -> datetime | None:
        """None if there was room; otherwise when the oldest attempt was that takes a place."""
        attempt = {"id": attempt_id, "at": at.timestamp()}
        fresh = {"attempts": [attempt], "expires": at + window}
        async with self._attempts.opened() as collection:
            document = None
            try:
                if await _push(collection, key, attempt, at + window, limit):
                    return None
                # Those that are too old make room only now, so most attempts are one write.
                too_old = {"attempts": {"at": {"$lte": (at - window).timestamp()}}}
                await collection.update_one({"_id": key}, {"$pull": too_old})
                if await _push(collection, key, attempt, at + window, limit):
                    return None
                document = await collection.find_one({"_id": key})
            except WriteError:
                document = await collection.find_one({"_id": key})
                if document is None or self._attempts.readable([document], _times):
                    raise  # it is not the document's fault
            times = self._attempts.readable([document] if document else [], _times)
            if document is not None and not times:
                # Spoilt by hand, and named in the log: nobody is to be locked out by that.
                await collection.replace_one(document, fresh)
                return None
        # Where all have gone meanwhile, this one was refused only just: there is room by now.
        return min(times[0], default=at - window) if times else at - window

    async def withdraw(self, key: str, attempt_id: str) -> None:
        """Gives the place of this one attempt back."""
        async with self._attempts.opened() as collection:
            await collection.update_one({"_id": key}, {"$pull": {"attempts": {"id": attempt_id}}})


async def _push(collection: Any, key: str, attempt: Document, expires: datetime, limit: int) -> bool:
    """False where there is no room, or where another was quicker to make the document."""
    has_room = {"_id": key, f"attempts.{limit - 1}": {"$exists": False}}
    change = {"$push": {"attempts": attempt}, "$set": {"expires": expires}}
    try:
        await collection.update_one(has_room, change, upsert=True)
    except DuplicateKeyError:
        return False
    return True


def _times(document: Document) -> list[datetime]:
    attempts = document["attempts"]
    if not isinstance(attempts, list):
        raise TypeError("attempts is no list")
    return [datetime.fromtimestamp(attempt["at"], UTC) for attempt in attempts]
