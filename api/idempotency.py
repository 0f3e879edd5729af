"""Doing what a request asks for once, however often the request is sent with the same `Idempotency-Key`.

The claim comes first: it fixes the ids of the work. Whoever holds it may die at any line, since the next
one with the same key finds it and does the same again, which changes nothing that was done.
"""

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar
from uuid import uuid4

from pydantic import TypeAdapter
from pydantic_core import from_json
from starlette.datastructures import MutableHeaders

from activities.ports import Claim, ClaimStore
from workflows.domain.errors import Conflict, Unavailable

log = logging.getLogger(__name__)

KEY = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"

A = TypeVar("A")
R = TypeVar("R")


class Once(Protocol):
    """What routes work through that start something."""

    async def run(
        self, result: type[R], admit: Callable[[], Awaitable[A]], work: Callable[[A, Claim], Awaitable[R]], /
    ) -> R:
        """The answer's data, from `work` or from the store.

        `admit` refuses what cannot be done, before a key is used up. `work` gets what it returned, and takes
        its id and time from the claim: with the same claim it does the same, and nothing twice.
        """


class EachTime:
    """Implements `Once` for a request without a key: it is a work of its own."""

    async def run(
        self, _result: type[R], admit: Callable[[], Awaitable[A]], work: Callable[[A, Claim], Awaitable[R]], /
    ) -> R:
        admitted = await admit()
        return await work(admitted, _claim("", ""))


class OnceForKey:
    """Implements `Once` for a request with a key. The answer's headers say where it was known before."""

    def __init__(
        self, store: ClaimStore, wanted: Claim, found: Claim | None, headers: MutableHeaders
    ) -> None:
        self._store = store
        self._wanted = wanted
        self._found = found
        self._headers = headers

    @classmethod
    async def of(
        cls, store: ClaimStore, claim_id: str, body: bytes, query: bytes, headers: MutableHeaders
    ) -> "OnceForKey":
        """Raises:
        Conflict: the key was used with another body or query.
        Unavailable: the database is away.
        """
        # A large body takes a while to bring into order.
        canonical_body = await asyncio.to_thread(canonical, body)
        asked = [part for part in (canonical_body, query) if part]
        wanted = _claim(claim_id, _digest(claim_id.encode(), *asked))
        found = await store.find(claim_id)
        return cls(store, wanted, found and _same(found, wanted), headers)

    async def run(
        self, result: type[R], admit: Callable[[], Awaitable[A]], work: Callable[[A, Claim], Awaitable[R]], /
    ) -> R:
        adapter = TypeAdapter(result)
        if self._found is not None and self._found.answer is not None:
            return self._replay(adapter, self._found.answer)
        admitted = await admit()
        claim = self._found or _same(await self._store.claim(self._wanted), self._wanted)
        if claim.answer is not None:
            return self._replay(adapter, claim.answer)
        done = await work(admitted, claim)
        answer = adapter.dump_json(done).decode()
        try:
            standing = await self._store.answered(claim.id, answer)
        except Unavailable as error:
            # The work is done. Whoever asks again does the same, and finds it done.
            log.warning("an answer is not kept for its key: %s", error.message)
            return done
        return done if standing == answer else self._replay(adapter, standing)

    def _replay(self, adapter: TypeAdapter[R], answer: str) -> R:
        self._headers[REPLAYED] = "true"
        return adapter.validate_json(answer)


def claim_id(user_id: str, method: str, path: str, key: str) -> str:
    """Where a key is kept: it belongs to its user and its route."""
    return _digest(*(part.encode() for part in (user_id, method, path, key)))


def canonical(body: bytes) -> bytes:
    """The same bytes for the same JSON, however it is written; what is no JSON stays as it is."""
    try:
        value = from_json(body)
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return body


def _claim(identity: str, body: str) -> Claim:
    return Claim(id=identity, body=body, work_id=str(uuid4()), created_at=datetime.now(UTC))


def _same(there: Claim, wanted: Claim) -> Claim:
    if there.body != wanted.body:
        raise Conflict(f"{KEY}: this key was used with another request")
    return there


def _digest(*parts: bytes) -> str:
    """Each part with its length before it, so that no two lists of parts are alike."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.hexdigest()
