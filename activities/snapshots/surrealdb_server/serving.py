"""Serves the embedded engine by SurrealDB's RPC protocol, to whoever knows the secret."""

import asyncio
import contextlib
import hmac
import logging
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from activities.snapshots.surrealdb_server.engine import Engine, failure, request, success

log = logging.getLogger(__name__)

LARGEST_MESSAGE = 32 * 1024 * 1024
"""Bytes. A report is a payload of Temporal's, and those end at 2 MB."""

SIGN_IN_WITHIN = 10.0
"""Seconds in which a new connection must say who it is."""

_AT_ONCE = 32
"""Requests of one connection that are carried out at the same time."""

_METHODS = frozenset(
    (
        *("query", "select", "create", "insert", "insert_relation", "relate", "update", "upsert"),
        *("merge", "patch", "delete", "info", "ping", "version"),
    )
)
"""What goes to the engine. The rest would change the session, which all connections share."""

_NOT_ALLOWED, _NOT_FOUND, _INVALID = -32002, -32601, -32602


class Door:
    """Lets connections in, and passes their messages on."""

    def __init__(self, engine: Engine, username: str, password: str) -> None:
        self._engine = engine
        self._username = username
        self._password = password

    async def open(self, port: int) -> Server:
        """Raises OSError where the port cannot be listened on."""
        return await serve(
            self._handle,
            "127.0.0.1",
            port,
            subprotocols=[Subprotocol("cbor")],
            origins=[None],  # a web page has an origin, and no business here
            process_request=_only_rpc,
            compression=None,
            max_size=LARGEST_MESSAGE,
        )

    async def _handle(self, connection: ServerConnection) -> None:
        if connection.subprotocol != "cbor":
            await connection.close(1002, "only the subprotocol cbor is spoken here")
            return
        try:
            async with asyncio.timeout(SIGN_IN_WITHIN):
                await self._admit(connection)
            await self._serve(connection)
        except TimeoutError:
            await connection.close(1008, "sign in first")
        except ValueError as error:
            await connection.close(1007, str(error))
        except ConnectionClosed:
            return

    async def _admit(self, connection: ServerConnection) -> None:
        """Returns when the connection has signed in."""
        while True:
            wanted = request(await connection.recv(decode=False))
            identity = wanted.get("id")
            if wanted["method"] != "signin":
                await connection.send(failure(identity, _NOT_ALLOWED, "sign in first"))
            elif self._is_known(wanted.get("params")):
                await connection.send(success(identity, None))
                return
            else:
                log.warning("refused a sign-in")
                await connection.send(failure(identity, _NOT_ALLOWED, "wrong user or password"))

    def _is_known(self, params: Any) -> bool:
        match params:
            case [{"user": str(user), "pass": str(password)}]:
                right = hmac.compare_digest(password.encode(), self._password.encode())
                return right and user == self._username
            case _:
                return False

    async def _serve(self, connection: ServerConnection) -> None:
        slots = asyncio.Semaphore(_AT_ONCE)
        calls: set[asyncio.Task[None]] = set()

        async def call(message: bytes, wanted: dict[str, Any]) -> None:
            async with slots:
                answer = await self._answer(message, wanted)
            with contextlib.suppress(ConnectionClosed):
                await connection.send(answer)

        try:
            while True:
                message = await connection.recv(decode=False)
                task = asyncio.create_task(call(message, request(message)))
                calls.add(task)
                task.add_done_callback(calls.discard)
                if len(calls) >= 2 * _AT_ONCE:
                    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # What was begun is finished: the engine is closed only after this.
            if calls:
                await asyncio.wait(calls)

    async def _answer(self, message: bytes, wanted: dict[str, Any]) -> bytes:
        identity, method = wanted.get("id"), wanted["method"]
        if method in _METHODS:
            return await self._engine.execute(identity, message)
        if method == "signin":
            known = self._is_known(wanted.get("params"))
            wrong = failure(identity, _NOT_ALLOWED, "wrong user or password")
            return success(identity, None) if known else wrong
        if method == "use":
            if wanted.get("params") == self._engine.place:
                return success(identity, None)
            place = " and ".join(self._engine.place)
            return failure(identity, _INVALID, f"there is only the namespace and the database {place}")
        return failure(identity, _NOT_FOUND, f"the embedded server has no method {method[:50]}")


def _only_rpc(connection: ServerConnection, asked: Request) -> Response | None:
    if asked.path == "/rpc":
        return None
    return connection.respond(HTTPStatus.NOT_FOUND, "there is only /rpc\n")
