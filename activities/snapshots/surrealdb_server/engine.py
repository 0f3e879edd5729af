"""The embedded SurrealDB engine, which takes and gives the very messages of the RPC protocol."""

import asyncio
import os
from pathlib import Path
from typing import Any

from surrealdb._surrealdb_ext import AsyncEmbeddedDB
from surrealdb.data.cbor import decode, encode

_INTERNAL = -32000


class Engine:
    """One open database, in one namespace: the engine has a single session for all who use it.

    It carries out one request at a time. Of transactions that write one record at once the engine says of
    most, but not of all, that they are in conflict: of 100 increments that it acknowledged, 71 were there.
    """

    def __init__(self, folder: Path, namespace: str, database: str) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Read by the engine when it opens the first database: what it has acknowledged is on the disk.
        os.environ["SURREAL_SYNC_DATA"] = "true"
        self._engine = AsyncEmbeddedDB(f"surrealkv://{folder.absolute() / 'data'}")
        self.place = [namespace, database]
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Raises RuntimeError where the database cannot be read."""
        await self._engine.connect()
        await self._engine.execute(encode({"id": "use", "method": "use", "params": self.place}))

    async def execute(self, identity: object, message: bytes) -> bytes:
        """The answer to a request; that of one that fails says why, as a server's does."""
        try:
            async with self._turn:
                return await self._engine.execute(message)
        except (RuntimeError, ValueError) as error:
            return failure(identity, _INTERNAL, str(error))

    async def close(self) -> None:
        await self._engine.close()


def request(message: bytes) -> dict[str, Any]:
    """Raises ValueError for what is no request."""
    try:
        content = decode(message)
    except Exception as error:  # the decoder has errors of many kinds
        raise ValueError("no CBOR") from error
    if not isinstance(content, dict) or not isinstance(content.get("method"), str):
        raise ValueError("no request")
    return content


def success(identity: object, result: object) -> bytes:
    return encode({"id": identity, "result": result})


def failure(identity: object, code: int, message: str) -> bytes:
    return encode({"id": identity, "error": {"code": code, "message": message}})
