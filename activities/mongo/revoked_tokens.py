"""Tokens that were given up before their time, by their id; the database forgets them when they expire."""

from datetime import datetime

from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from activities.mongo.connection import Connection


class MongoRevokedTokens:
    """Implements `RevokedTokenStore`."""

    def __init__(self, connection: Connection) -> None:
        expiry = IndexModel([("expires", ASCENDING)], expireAfterSeconds=60)
        self._tokens = connection.collection("revoked_tokens", [expiry])

    async def revoke(self, token_id: str, expires_at: datetime) -> bool:
        """False if it was revoked already: of several that try, exactly one succeeds."""
        async with self._tokens.opened() as collection:
            try:
                await collection.insert_one({"_id": token_id, "expires": expires_at})
            except DuplicateKeyError:
                return False
        return True

    async def is_revoked(self, token_id: str) -> bool:
        async with self._tokens.opened() as collection:
            return await collection.find_one({"_id": token_id}, {"_id": 1}) is not None
