"""Holds every request that was answered, and every answer, against the contract file, by openapi-core.

What the contract does not know, our own paths and most errors, is held against the served document instead.
"""

import contextlib
import functools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import yaml
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from openapi_core.templating.paths.exceptions import PathError
from openapi_core.templating.responses.exceptions import ResponseFinderError
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from werkzeug.datastructures import Headers, ImmutableMultiDict

from api.openapi import CONTRACT, served_contract

_SERVER = "http://localhost:8080"
"""The first server of the contract: what is checked is what is said there, whatever the port."""

_UNDESCRIBED = ("/openapi.json", "/docs", "/redoc", "/control-center/")
"""The description itself, its pages, and the control center."""


class Exchange(NamedTuple):
    """A request and its answer. A body that was never complete is None."""

    method: str
    url: str
    request_headers: list[tuple[str, str]]
    request_body: bytes | None
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.url} {self.request_body!r:.300} -> {self.status} {self.body!r:.300}"


class BrokenContract(AssertionError):
    """A request that should not have been accepted, or an answer that is none of those that are described."""


@dataclass
class _Request:
    """As openapi-core wants it."""

    host_url: str
    method: str
    path: str
    parameters: RequestParameters
    content_type: str
    body: bytes | None


@dataclass(frozen=True)
class _Response:
    """As openapi-core wants it."""

    status_code: int
    headers: Headers
    content_type: str
    data: bytes


def check(exchange: Exchange) -> None:
    """Raises BrokenContract."""
    path = urlsplit(exchange.url).path
    if path == "/" or path.startswith(_UNDESCRIBED) or _is_preflight(exchange):
        return
    try:
        for problem in _problems(exchange):
            raise BrokenContract(f"{exchange}: {problem}")
    except OpenAPIError as error:
        cause = f"{error}: {error.__cause__}" if error.__cause__ else str(error)
        raise BrokenContract(f"{exchange}: {cause}") from error


async def _check_answer(response: httpx.Response) -> None:
    await response.aread()
    request = response.request
    try:
        body = request.content
    except httpx.RequestNotRead:
        body = None
    check(
        Exchange(
            request.method,
            str(request.url),
            request.headers.multi_items(),
            body,
            response.status_code,
            response.headers.multi_items(),
            response.content,
        )
    )


HOOKS = {"response": [_check_answer]}
"""What makes a client of httpx check each exchange."""


def checked_client(**options: Any) -> httpx.AsyncClient:
    """A client, each of whose exchanges is checked; `options` are those of httpx."""
    return httpx.AsyncClient(**options, event_hooks=HOOKS)


class Witness:
    """Checks what is said to an application by processes, which no hook reaches."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.broken: list[BrokenContract] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked, answered = bytearray(), bytearray()
        start: Message = {}

        async def heard() -> Message:
            message = await receive()
            asked.extend(message.get("body", b""))
            return message

        async def said(message: Message) -> None:
            start.update(message if message["type"] == "http.response.start" else {})
            answered.extend(message.get("body", b""))
            await send(message)

        await self._app(scope, heard, said)
        url = f"http://{scope['server'][0]}{scope['path']}?{scope['query_string'].decode()}"
        try:
            check(
                Exchange(
                    scope["method"],
                    url,
                    _decoded(scope["headers"]),
                    bytes(asked),
                    start["status"],
                    _decoded(start["headers"]),
                    bytes(answered),
                )
            )
        except BrokenContract as error:
            self.broken.append(error)


def _decoded(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def _problems(exchange: Exchange) -> Iterator[str]:
    if exchange.status >= 400:
        yield from _of_an_error(exchange)
    document = _describing(exchange)
    if document is None:
        # Where there is nothing of that name or method, nothing can describe it.
        if exchange.status not in (404, 405):
            yield "that is not described"
    elif exchange.status < 400:
        if exchange.request_body is None:
            yield "it was accepted without its body"
        document.validate_request(_request(exchange))


def _describing(exchange: Exchange) -> OpenAPI | None:
    """The document that has this path, method and status; the answer is what it says there."""
    for document in (_contract(), _served()):
        with contextlib.suppress(PathError, ResponseFinderError):
            document.validate_response(_request(exchange), _response(exchange))
            return document
    return None


def _is_preflight(exchange: Exchange) -> bool:
    """A browser's question, which belongs to the protocol and to no API."""
    return exchange.method == "OPTIONS" and "access-control-request-method" in dict(exchange.request_headers)


def _of_an_error(exchange: Exchange) -> Iterator[str]:
    """Every error is an `ErrorResponse`, whatever is described."""
    if exchange.method == "HEAD":
        return
    told = json.loads(exchange.body)
    if told.keys() != {"success", "error", "request_id"}:
        yield "it is no ErrorResponse"
    elif told["success"] is not False or not isinstance(told["error"], str) or not told["error"]:
        yield "it says nothing of the error"
    elif told["request_id"] != dict(exchange.headers).get("x-request-id"):
        yield "its request id is another than the header's"


def _request(exchange: Exchange) -> _Request:
    url, headers = httpx.URL(exchange.url), Headers(exchange.request_headers)
    cookies = [(one.key, one.value) for one in SimpleCookie(headers.get("cookie", "")).values()]
    return _Request(
        host_url=_SERVER,
        method=exchange.method.lower(),
        path=url.path,
        parameters=RequestParameters(
            query=ImmutableMultiDict(url.params.multi_items()),
            header=headers,
            cookie=ImmutableMultiDict(cookies),
        ),
        content_type=headers.get("content-type", "application/json"),
        body=exchange.request_body,
    )


def _response(exchange: Exchange) -> _Response:
    headers = Headers(exchange.headers)
    return _Response(exchange.status, headers, headers.get("content-type", ""), exchange.body)


@functools.cache
def _contract() -> OpenAPI:
    return OpenAPI.from_dict(yaml.safe_load(CONTRACT.read_text()))


@functools.cache
def _served() -> OpenAPI:
    return OpenAPI.from_dict(json.loads(served_contract()))
