"""HTTP to one service: requests, and its errors as ours."""

from collections.abc import Mapping
from http import HTTPStatus
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import quote

import httpx
from pydantic import BaseModel, JsonValue, ValidationError

from api.cli.errors import (
    CommandFailed,
    NotLoggedIn,
    OutcomeUnknown,
    Refused,
    StillWorking,
    Unreachable,
    WrongUsage,
)

DEFAULT_SERVER = "http://127.0.0.1:8080"

PATIENCE = 30.0
"""Seconds that an answer may take, where a command does not say otherwise."""

_NO_TEXT = "what was typed is not UTF-8, or has half a character, and cannot be sent"
"""Of arguments, whose bytes Python hands on as they are."""

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


Query = Mapping[str, str | int | bool | None]
"""Parameters of a request; those that are None are left out."""


class Page(NamedTuple):
    """A part of a list, and how long the whole of it is, where the service says so."""

    data: JsonValue
    total: int | None


class Client:
    """Calls to one service, with a token or without."""

    def __init__(self, server: str, token: str | None = None) -> None:
        """Raises WrongUsage for a server that is no address."""
        url = httpx.URL(server_url(server))
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self.server = str(url)
        self._http = httpx.Client(base_url=url, headers=headers, trust_env=not is_loopback(self.server))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        body: JsonValue = None,
        *,
        query: Query | None = None,
        key: str | None = None,
        patience: float | None = PATIENCE,
    ) -> JsonValue:
        """The `data` of the answer.

        Args:
            key: the Idempotency-Key, with which the request may be sent again.
            patience: seconds that the answer may take; None: any time.

        Raises:
            Refused: the service says no.
            NotLoggedIn: it does not accept the token, or the credentials.
            Unreachable: it did not answer, or not as it should; an OutcomeUnknown where it was asked.
        """
        return self._data(self._answer(method, path, body, query=query, key=key, patience=patience))

    def page(self, path: str, query: Query, patience: float = PATIENCE) -> Page:
        """A part of a list. Raises what `call` raises."""
        answer = self._answer("GET", path, query=query, patience=patience)
        total = answer.headers.get("X-Total-Count", "")
        return Page(self._data(answer), int(total) if total.isdecimal() else None)

    def document(self, path: str) -> JsonValue:
        """What stands there as JSON, without an envelope. Raises what `call` raises."""
        answer = self._answer("GET", path)
        try:
            document: JsonValue = answer.json()
        except ValueError:
            raise Unreachable(self._strange(answer)) from None
        return document

    def _answer(
        self,
        method: str,
        path: str,
        body: JsonValue = None,
        *,
        query: Query | None = None,
        key: str | None = None,
        patience: float | None = PATIENCE,
    ) -> httpx.Response:
        parameters = {name: value for name, value in (query or {}).items() if value is not None}
        headers = {} if key is None else {"Idempotency-Key": key}
        try:
            answer = self._http.request(
                method, path, json=body, params=parameters, headers=headers, timeout=_timeout(patience)
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            raise Unreachable(f"cannot reach {self.server}: {_text(error)}") from None
        except UnicodeEncodeError:
            raise WrongUsage(_NO_TEXT) from None
        except httpx.HTTPError as error:
            kind = StillWorking if isinstance(error, httpx.ReadTimeout) else OutcomeUnknown
            doubt = "" if method == "GET" else f"; whether {method} {path} was carried out is not known"
            raise kind(f"{self.server} broke off: {_text(error)}{doubt}") from None
        if answer.is_success:
            return answer
        raise self._failure(answer)

    def _data(self, answer: httpx.Response) -> JsonValue:
        try:
            return _Success.model_validate_json(answer.content).data
        except ValidationError:
            raise Unreachable(self._strange(answer)) from None

    def _failure(self, answer: httpx.Response) -> CommandFailed:
        try:
            message = _Failure.model_validate_json(answer.content).error
        except ValidationError:
            return Unreachable(self._strange(answer))
        match answer.status_code:
            case HTTPStatus.UNAUTHORIZED:
                return NotLoggedIn(message)
            case HTTPStatus.TOO_MANY_REQUESTS:
                return Refused(f"{message}{_when(answer)}", answer.status_code)
            case status if 400 <= status < 500:
                return Refused(message, status)
            case status:
                return Unreachable(f"{self.server} answered {status}: {message}{_when(answer)}")

    def _strange(self, answer: httpx.Response) -> str:
        return f"{self.server} answered {answer.status_code}, and not as the Provisioning API does"


class _Success(BaseModel):
    data: JsonValue


class _Failure(BaseModel):
    error: str


def server_url(text: str) -> str:
    """The address of a service as it is kept: `http://host:port`, and a path if it lives under one.

    Raises:
        WrongUsage: it is no such address.
    """
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL as error:
        raise WrongUsage(f"{text!r} is no address of a server: {error}") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise WrongUsage(f"{text!r} is no address of a server: write it like {DEFAULT_SERVER}")
    if url.userinfo or url.query or url.fragment:
        raise WrongUsage("the address of a server has no user, no query and no fragment")
    return str(url).rstrip("/")


def part_of_path(text: str) -> str:
    """A name as a part of a path, which it cannot leave. Raises WrongUsage where it is empty, or no text."""
    if not text:
        raise WrongUsage("a name, or an id, is empty")
    try:
        # A name of dots would be taken for a way up.
        return quote(text, safe="").replace(".", "%2E")
    except UnicodeEncodeError:
        raise WrongUsage(_NO_TEXT) from None


def is_in_the_clear(server: str) -> bool:
    """Whether what is sent there can be read on the way."""
    url = httpx.URL(server)
    return url.scheme == "http" and url.host not in _LOOPBACK


def is_loopback(server: str) -> bool:
    """Whether it is on this machine, where no proxy of the environment belongs in between."""
    return httpx.URL(server).host in _LOOPBACK


def _timeout(patience: float | None) -> httpx.Timeout:
    return httpx.Timeout(patience, connect=10)


def _text(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__


def _when(answer: httpx.Response) -> str:
    seconds = answer.headers.get("Retry-After", "")
    return f"; try again in {seconds} s" if seconds.isdecimal() else ""
