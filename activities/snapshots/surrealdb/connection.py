"""The one door to SurrealDB: connects at first use and again by itself, and says what its errors mean."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from activities.snapshots.surrealdb.access import Access
from workflows.domain.errors import Unavailable

if TYPE_CHECKING:
    from activities.snapshots.surrealdb.client import Client

log = logging.getLogger(__name__)

DEADLINE = 10.0
"""Seconds for one call, with the connecting and the retries that it needs."""

_LONGEST_PAUSE = 0.25
"""Seconds at most before a call that met another in the same record is tried again."""

_MAX_ERROR = 300


class _Conflict(Exception):
    """Two transactions wrote one record. Nothing was written, and a retry helps."""


class SurrealConnection:
    """One connection for any number of calls at once.

    Args:
        access: is asked whenever the connection is opened.
        preparation: statements that are run, in order, on each new connection.
    """

    def __init__(self, access: Callable[[], Access], preparation: str = "RETURN NONE") -> None:
        self._access = access
        self._preparation = preparation
        self._client: Client | None = None
        self._opening = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def query(self, statement: str, variables: Mapping[str, Any] | None = None) -> Any:
        """What one statement returns.

        Raises:
            Unavailable: the server is away, did not answer in time, or refused.
        """
        try:
            async with asyncio.timeout(DEADLINE):
                return await self._retried(statement, dict(variables or {}))
        except TimeoutError as error:
            self._drop(self._client)
            raise Unavailable("SurrealDB does not answer in time") from error

    async def close(self) -> None:
        self._drop(self._client)
        if self._closing:
            await asyncio.wait(self._closing)

    async def _retried(self, statement: str, variables: dict[str, Any]) -> Any:
        pause = 0.01
        while True:
            try:
                client = await self._opened()
                return await self._run(client, statement, variables)
            except _Conflict:
                await asyncio.sleep(random.uniform(0, pause))  # noqa: S311 - spreads the retries
                pause = min(_LONGEST_PAUSE, pause * 2)

    async def _opened(self) -> "Client":
        """The connection; whoever comes first opens it."""
        async with self._opening:
            if self._client is not None and self._client.is_lost:
                self._drop(self._client)
            if self._client is None:
                self._client = await self._open()
            return self._client

    async def _open(self) -> "Client":
        try:
            access = self._access()
        except OSError as error:
            raise Unavailable(f"the access to SurrealDB cannot be read: {error.strerror}") from error
        # The package takes most of a second to import, and who stores elsewhere does without.
        from activities.snapshots.surrealdb.client import Client  # noqa: PLC0415 - see above

        client = Client(access.url)
        try:
            await self._settled(client, client.connect())
            if access.username is not None:
                await self._settled(
                    client, client.signin({"username": access.username, "password": access.password or ""})
                )
            await self._settled(client, client.use(access.namespace, access.database))
            await self._run(client, self._preparation, {})
        except BaseException:
            self._drop(client)
            raise
        return client

    async def _run(self, client: "Client", statement: str, variables: dict[str, Any]) -> Any:
        answer = await self._settled(client, client.query_raw(statement, variables))
        if error := answer.get("error"):
            raise self._refused(client, str(error.get("message")))
        results = answer["result"]
        for result in results:
            if result["status"] != "OK":
                raise self._refused(client, str(result["result"]))
        return results[-1]["result"]

    async def _settled(self, client: "Client", call: Coroutine[Any, Any, Any]) -> Any:
        """What the client returns.

        The client cancels its calls when the connection is lost. In a task of its own that cannot be taken
        for a cancellation of the caller.
        """
        task = asyncio.create_task(call)
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.exception()
            raise
        if task.cancelled():
            raise self._lost(client, "the connection was closed")
        error = task.exception()
        if isinstance(error, client.Refusal):
            raise self._refused(client, str(error)) from error
        if error is not None:
            raise self._lost(client, type(error).__name__) from error
        return task.result()

    def _refused(self, client: "Client", message: str) -> Exception:
        if "can be retried" in message or "conflict" in message.lower():
            return _Conflict(message)
        # Such as a wrong password or a full disk. It will not pass by itself, so the log names it.
        log.warning("SurrealDB refused: %s", message[:_MAX_ERROR])
        self._drop(client)
        return Unavailable("SurrealDB refuses for now")

    def _lost(self, client: "Client", why: str) -> Exception:
        self._drop(client)
        return Unavailable(f"SurrealDB is away for now ({why})")

    def _drop(self, client: "Client | None") -> None:
        """Forgets the connection, so that the next call opens another."""
        if client is None:
            return
        if self._client is client:
            self._client = None
        task = asyncio.create_task(_closed(client))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _closed(client: "Client") -> None:
    with contextlib.suppress(Exception):
        await client.close()
