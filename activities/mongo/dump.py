"""All that the database keeps as one file, for moving it to another server whatever that is.

The file is gzipped text: a line that says what it is, one for each document in MongoDB's Extended JSON, and
one with their number, without which it has been cut off. Indexes are left out: each store makes its own.
"""

import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

from bson import json_util
from pymongo import ReplaceOne

from activities.mongo.connection import Connection

FORMAT = "provisioning dump 1"
_FLEETING = frozenset({"workers"})
"""Who lives now says so by itself."""
_LOADING = "loading"
"""The collection that names the file that is being loaded, until it is."""
_AT_ONCE = 500


class BadDump(Exception):
    """The file cannot be used, or not here."""


async def save(connection: Connection, file: Path) -> int:
    """Writes everything into `file`, whole or not at all, for nobody else to read. The number of documents.

    Nobody may write to the database meanwhile: each collection is read by itself.

    Raises:
        Unavailable: the database is away.
        OSError: the file cannot be written.
    """
    draft = file.with_name(f".{file.name}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as whole:
            with gzip.open(whole, "wt", encoding="utf-8") as lines:
                number = await _write(connection, lines)
            whole.flush()
            os.fsync(whole.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return number


async def _write(connection: Connection, lines: IO[str]) -> int:
    lines.write(json.dumps(FORMAT) + "\n")
    number = 0
    for name in await connection.collections():
        if name in _FLEETING:
            continue
        async with connection.collection(name).opened() as collection:
            async for document in collection.find({}):
                text = json_util.dumps([name, document], json_options=json_util.CANONICAL_JSON_OPTIONS)
                lines.write(text + "\n")
                number += 1
    lines.write(f"{number}\n")
    return number


async def load(connection: Connection, file: Path) -> int:
    """Puts everything from `file` into a database that is empty, or that this file was being loaded into.

    Raises:
        BadDump: the file is none, or not whole, or something else is in the database; nothing was changed.
        Unavailable: the database is away; loading the file again goes on.
        OSError: the file cannot be read.
    """
    number, digest = _examined(file)
    marker = connection.collection(_LOADING)
    async with marker.opened() as collection:
        begun = await collection.find_one({"_id": digest}) is not None
        if not begun:
            await _require_empty(connection)
            await collection.insert_one({"_id": digest})
    documents = iter(_documents(file))
    while some := list(islice(documents, _AT_ONCE)):
        await _put(connection, some)
    async with marker.opened() as collection:
        await collection.drop()
    return number


def _examined(file: Path) -> tuple[int, str]:
    """How many documents there are, and what tells this file from others."""
    digest = hashlib.sha256()
    number = -1
    last = ""
    try:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            if json.loads(next(lines, "null")) != FORMAT:
                raise BadDump(f"{file} is no dump of this service")
            for last in lines:
                digest.update(last.encode())
                number += 1
    except (gzip.BadGzipFile, zlib.error, ValueError):
        raise BadDump(f"{file} is no dump of this service") from None
    except EOFError:
        raise BadDump(f"{file} is cut off") from None
    if last.strip() != str(number):
        raise BadDump(f"{file} is cut off: it does not end with the number of its {number} documents")
    return number, digest.hexdigest()


async def _require_empty(connection: Connection) -> None:
    for name in await connection.collections():
        async with connection.collection(name).opened() as collection:
            if name not in _FLEETING and await collection.find_one({}) is not None:
                raise BadDump(f"the database is not empty: there is something in the collection {name!r}")


def _documents(file: Path) -> Iterator[tuple[str, Any]]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            if line.startswith("["):
                name, document = json_util.loads(line, json_options=json_util.CANONICAL_JSON_OPTIONS)
                yield name, document


async def _put(connection: Connection, documents: Iterable[tuple[str, Any]]) -> None:
    changes: dict[str, list[ReplaceOne[Any]]] = {}
    for name, document in documents:
        change = ReplaceOne({"_id": document["_id"]}, document, upsert=True)
        changes.setdefault(name, []).append(change)
    for name, some in sorted(changes.items()):
        async with connection.collection(name).opened() as collection:
            await collection.bulk_write(some)
