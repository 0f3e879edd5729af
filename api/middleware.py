"""What happens around every request: its id, its line in the log, the limit of its body, the last resort."""

import contextvars
import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import INTERNAL_ERROR, TooLarge, answer

log = logging.getLogger("api.access")

REQUEST_ID = "X-Request-ID"

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="-")
"""Id of the request that is being served, for whoever writes a log line."""

_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class RequestMiddleware:
    """Gives each request an id, or keeps the caller's, logs its outcome and turns a defect into a plain 500.

    The log has the path and never the query, which may carry a token.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        identity = given if _ACCEPTABLE_ID.fullmatch(given) else uuid.uuid4().hex
        token = request_id.set(identity)
        answering = _Answering(send, identity)
        started = time.monotonic()
        try:
            await self._app(scope, receive, answering.send)
        except Exception:
            log.exception("request %s: %s %s failed", identity, scope["method"], scope["path"])
            if answering.status is not None:
                raise  # too late for another answer: the connection has to break
            await answer(500, INTERNAL_ERROR)(scope, receive, answering.send)
        finally:
            milliseconds = (time.monotonic() - started) * 1000
            log.info(
                "%s %r %s %.1fms id=%s",
                scope["method"],
                scope["path"],
                answering.status,
                milliseconds,
                identity,
            )
            request_id.reset(token)


class _Answering:
    """Passes an answer on, notes its status and adds the request's id."""

    def __init__(self, send: Send, identity: str) -> None:
        self._send = send
        self._identity = identity
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)[REQUEST_ID] = self._identity
        await self._send(message)


class BodyLimitMiddleware:
    """Refuses bodies of more than `limit` bytes, announced or not."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > self._limit:
            await answer(413, self._message)(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limit:
                raise TooLarge(self._message)
            return message

        await self._app(scope, counted, send)

    @property
    def _message(self) -> str:
        return f"the body has more than {self._limit} bytes"
