"""The one door to MongoDB: how it is reached, what its errors mean, and how its documents are read.

Free JSON (parameters, events, resources) is kept as JSON text in the field `json`: keys with dots or dollars
and integers beyond 64 bits are fine in JSON and not in BSON. Times are ISO text, since a BSON date loses the
microseconds; nothing is sorted by them in the database.
"""

import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError
from pymongo import IndexModel
from pymongo.errors import BulkWriteError, ConnectionFailure, OperationFailure, PyMongoError

from workflows.domain.errors import Unavailable

log = logging.getLogger(__name__)

Document = dict[str, Any]
"""A document as the driver knows it. It does not leave this folder."""

T = TypeVar("T")

SELECTION_TIMEOUT_MS = 2_000
"""How long a call waits for a server to appear before it says that there is none."""

SOCKET_TIMEOUT_MS = 10_000
"""How long a call waits for a server that took the request and does not answer."""

MOTOR_WORKERS = "32"
"""Threads of the driver: each call that waits holds one, and each open change stream."""

_MAX_REPORTED = 10_000
_MAX_ERROR = 300


class Connection:
    """A client of one database. Connects at first use, and again by itself."""

    def __init__(self, uri: str, database: str) -> None:
        # Read by motor when it is imported, and by nothing else.
        os.environ.setdefault("MOTOR_MAX_WORKERS", MOTOR_WORKERS)
        from motor.motor_asyncio import AsyncIOMotorClient  # noqa: PLC0415 - see above

        self._client: Any = AsyncIOMotorClient(
            uri,
            appname="provisioning",
            w="majority",
            journal=True,
            serverSelectionTimeoutMS=SELECTION_TIMEOUT_MS,
            connectTimeoutMS=SELECTION_TIMEOUT_MS,
            socketTimeoutMS=SOCKET_TIMEOUT_MS,
            waitQueueTimeoutMS=SOCKET_TIMEOUT_MS,
        )
        self._database = self._client[database]

    async def ping(self) -> None:
        """Raises Unavailable where no server answers."""
        with unavailable_on_error():
            await self._client.admin.command("ping")

    async def server_time(self) -> datetime:
        """How late it is by the server's clock, in UTC without saying so, as the driver gives dates."""
        with unavailable_on_error():
            now: datetime = (await self._client.admin.command("hello"))["localTime"]
        return now

    async def collections(self) -> Sequence[str]:
        """The names of those that there are, in alphabetical order, without the server's own."""
        with unavailable_on_error():
            names = await self._database.list_collection_names()
        return sorted(name for name in names if not name.startswith("system."))

    def collection(self, name: str, indexes: Sequence[IndexModel] = ()) -> "Collection":
        return Collection(self._database[name], name, indexes)

    def close(self) -> None:
        self._client.close()


class Collection:
    """A collection with the indexes that its store needs."""

    def __init__(self, motor: Any, name: str, indexes: Sequence[IndexModel]) -> None:
        self.name = name
        self._motor = motor
        self._indexes = list(indexes)
        self._indexed = not indexes
        self._reported: set[object] = set()

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Any]:
        """The driver's collection, with its indexes in place.

        Raises:
            Unavailable: whatever the driver reports and the block does not handle.
        """
        try:
            with unavailable_on_error():
                await self._ensure_indexes()
                yield self._motor
        except Unavailable:
            # Whoever comes back may be a new, empty server.
            self._indexed = not self._indexes
            raise

    async def _ensure_indexes(self) -> None:
        if not self._indexed:
            await self._motor.create_indexes(self._indexes)
            self._indexed = True

    def readable(self, documents: Iterable[Document], read: Callable[[Document], T]) -> list[T]:
        """What `read` makes of the documents; one that it cannot read is left out, and named in the log."""
        result = []
        for document in documents:
            try:
                result.append(read(document))
            except (ValueError, TypeError, LookupError, AttributeError) as error:
                self._report(document, error)
        return result

    def _report(self, document: Document, error: Exception) -> None:
        name = document.get("_id")
        marker = repr(name)
        if marker in self._reported or len(self._reported) >= _MAX_REPORTED:
            return
        self._reported.add(marker)
        log.error("left out a malformed document: collection %s, _id %r: %s", self.name, name, _why(error))


@contextlib.contextmanager
def unavailable_on_error() -> Iterator[None]:
    """Turns the driver's errors into Unavailable.

    That no server answers is told by whoever waits for it. Anything else, such as a wrong password, will not
    pass by itself, so the log names it; without the documents that a bulk error quotes.
    """
    try:
        yield
    except PyMongoError as error:
        if not isinstance(error, ConnectionFailure):
            code = error.code if isinstance(error, OperationFailure) else None
            what = "" if isinstance(error, BulkWriteError) else str(error)[:_MAX_ERROR]
            log.warning("MongoDB refused: %s, code %s: %s", type(error).__name__, code, what)
        raise Unavailable(f"the database is away or busy for now ({type(error).__name__})") from error


def _why(error: Exception) -> str:
    """What is wrong with a document, without its values: they may be secret."""
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return type(error).__name__
