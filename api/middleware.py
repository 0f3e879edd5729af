"""What happens around every request: its id, its line in the log, the limit of its body, the last resort."""

import asyncio
import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from activities import tracing
from api.errors import INTERNAL_ERROR, TooLarge, TooSlow, answer
from api.request_ids import HEADER, request_id

log = logging.getLogger("api.access")

_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class RequestMiddleware:
    """Gives each request an id, or keeps the caller's, logs its outcome and turns a defect into a plain 500.

    The log has the path and never the query, which may carry a token. A WebSocket is a request with a long
    answer; where there is none to connect to, its handshake gets an answer as everything else.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        method = scope.get("method", "WEBSOCKET")
        given = Headers(scope=scope).get(HEADER, "")
        identity = given if _ACCEPTABLE_ID.fullmatch(given) else uuid.uuid4().hex
        token = request_id.set(identity)
        tracing.annotate("provisioning.request_id", identity)
        answering = _Answering(scope, receive, send, identity)
        started = time.monotonic()
        try:
            await self._app(scope, receive, answering.send)
        except Exception:
            log.exception("%s %r failed", method, scope["path"])
            if answering.status is not None:
                raise  # too late for another answer: the connection has to break
            await answer(500, INTERNAL_ERROR)(scope, receive, answering.send)
        finally:
            milliseconds = (time.monotonic() - started) * 1000
            log.info(
                "%s %r %s %.1fms",
                method,
                scope["path"],
                answering.status,
                milliseconds,
            )
            request_id.reset(token)


class _Answering:
    """Passes an answer on, notes its status and adds the request's id."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, identity: str) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._identity = identity
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        match message["type"]:
            case "http.response.start" | "websocket.http.response.start":
                self._begin(message, message["status"])
            case "websocket.accept":
                self._begin(message, 101)
            case "websocket.close" if self.status is None:
                # What the framework does where it knows no such WebSocket.
                refusal = answer(404, f"there is no WebSocket at {self._scope['path']}")
                await refusal(self._scope, self._receive, self.send)
                return
        await self._send(message)

    def _begin(self, message: Message, status: int) -> None:
        self.status = status
        MutableHeaders(scope=message)[HEADER] = self._identity


class BodyLimitMiddleware:
    """Refuses bodies of more than `limit` bytes, announced or not, and those not there after `seconds`."""

    def __init__(self, app: ASGIApp, limit: int, seconds: float = 60) -> None:
        self._app = app
        self._limit = limit
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > self._limit:
            await answer(413, self._message)(scope, receive, send)
            return
        taken, complete = 0, False
        deadline = asyncio.get_running_loop().time() + self._seconds

        async def counted() -> Message:
            nonlocal taken, complete
            try:
                # What comes after the body is the client's leaving, for which there is no deadline.
                async with asyncio.timeout_at(None if complete else deadline):
                    message = await receive()
            except TimeoutError:
                raise TooSlow(f"the body did not arrive within {self._seconds:g} seconds") from None
            complete = not message.get("more_body", False)
            taken += len(message.get("body", b""))
            if taken > self._limit:
                raise TooLarge(self._message)
            return message

        await self._app(scope, counted, send)

    @property
    def _message(self) -> str:
        return f"the body has more than {self._limit} bytes"
