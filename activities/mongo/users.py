"""The users."""

from collections.abc import Sequence

from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from activities.mongo.connection import Connection, Document
from activities.ports import User


class MongoUserStore:
    """Implements `UserStore`."""

    def __init__(self, connection: Connection) -> None:
        unique = IndexModel([("username", ASCENDING)], unique=True)
        self._users = connection.collection("users", [unique])

    async def by_name(self, username: str) -> User | None:
        return await self._one({"username": username})

    async def by_id(self, user_id: str) -> User | None:
        return await self._one({"_id": user_id})

    async def all(self) -> Sequence[User]:
        """Every user, by name."""
        async with self._users.opened() as collection:
            documents = await collection.find({}).to_list(None)
        return sorted(self._users.readable(documents, _user), key=lambda user: user.username)

    async def add(self, user: User) -> bool:
        """False, and nothing changed, if the name is taken by another user."""
        document = {"_id": user.id, **user.model_dump(mode="json", exclude={"id"})}
        async with self._users.opened() as collection:
            try:
                await collection.insert_one(document)
            except DuplicateKeyError:
                # Perhaps by ourselves, when an answer was lost and this is the second try.
                there = await collection.find_one({"_id": user.id, "username": user.username}, {"_id": 1})
                return there is not None
        return True

    async def replace(self, user: User) -> bool:
        """Writes a changed user under the next revision; False if somebody else changed it meanwhile."""
        fields = user.model_dump(mode="json", exclude={"id", "revision"})
        # A user from before there were revisions has none.
        known: object = user.revision or {"$in": [0, None]}
        async with self._users.opened() as collection:
            result = await collection.update_one(
                {"_id": user.id, "revision": known}, {"$set": {**fields, "revision": user.revision + 1}}
            )
        return int(result.matched_count) == 1

    async def count(self) -> int:
        async with self._users.opened() as collection:
            return int(await collection.count_documents({}))

    async def _one(self, wanted: Document) -> User | None:
        async with self._users.opened() as collection:
            document = await collection.find_one(wanted)
        found = self._users.readable([document] if document else [], _user)
        return found[0] if found else None


def _user(document: Document) -> User:
    return User.model_validate({**document, "id": document["_id"]})
