"""The one table from errors to HTTP, and the contract's `ErrorResponse` as the only shape they leave in.

ProvisioningError            workflows/domain/errors.py
├── MalformedRequest  400    the body is no JSON
├── Unauthenticated   401    no token, or one that does not hold
├── Forbidden         403    the user's role is not enough
├── TooSlow           408    the body did not arrive in time
├── TooLarge          413    the body is over the limit
├── UnsupportedBody   415    the body is of another type than JSON
├── UpgradeRequired   426    it is a WebSocket
├── TooManyAttempts   429    too many failed logins
└── TooManyConnections  429  the user has too many WebSockets open
"""

import http
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from api.request_ids import request_id
from api.schemas.envelope import ErrorResponse
from workflows.domain.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    ProvisioningError,
    Refused,
    Unavailable,
)

log = logging.getLogger(__name__)

MAX_LISTED = 10
"""Mistakes of one request that are listed one by one."""

INTERNAL_ERROR = "internal error; the service's log says more under this answer's request id"


class MalformedRequest(ProvisioningError):
    """The body is not what its type says: no JSON, or JSON that no parser should accept."""


class Unauthenticated(ProvisioningError):
    """Nobody, or not any more. The message never says which part of a credential was wrong."""


class Forbidden(ProvisioningError):
    """A known user without the role."""


class TooSlow(ProvisioningError):
    """The body did not arrive in time."""


class TooLarge(ProvisioningError):
    """The body has more bytes than the service takes."""


class UnsupportedBody(ProvisioningError):
    """The body's content type is not JSON."""


class UpgradeRequired(ProvisioningError):
    """A plain request to what is a WebSocket."""


class TooManyAttempts(ProvisioningError):
    """Too many failed logins. `seconds` says when to try again."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class TooManyConnections(ProvisioningError):
    """The user has too many WebSockets open. `seconds` says when to try again."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


STATUS: Mapping[type[ProvisioningError], int] = {
    MalformedRequest: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    TooSlow: 408,
    Conflict: 409,
    TooLarge: 413,
    UnsupportedBody: 415,
    InvalidRequest: 422,
    Refused: 422,
    UpgradeRequired: 426,
    TooManyAttempts: 429,
    TooManyConnections: 429,
    Unavailable: 503,
}
"""What has no line here is a defect of ours: 500, without its text."""


def install(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Makes every error of ours and of the framework an `ErrorResponse`. `routers` are all that serve."""
    app.add_exception_handler(ProvisioningError, _answer_domain_error)
    app.add_exception_handler(RequestValidationError, _answer_validation_error)
    app.add_exception_handler(HTTPException, _framework_errors(routers))


def answer(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    body = ErrorResponse(error=message, request_id=request_id.get()).model_dump_json()
    return Response(body, status_code=status, headers=headers, media_type="application/json")


def status_of(error: ProvisioningError) -> int:
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def describe(errors: Iterable[Mapping[str, Any]], prefix: str = "") -> str:
    """Validation errors of pydantic as `where: what`, without the values, which may be secrets."""
    lines = [f"{where(error['loc'], prefix)}: {error['msg']}" for error in errors]
    return join(lines)


def join(lines: list[str]) -> str:
    listed = "; ".join(lines[:MAX_LISTED])
    return listed if len(lines) <= MAX_LISTED else f"{listed}; and {len(lines) - MAX_LISTED} more"


def where(location: Iterable[int | str], prefix: str = "") -> str:
    """A location as a person writes it: `operations[2].config.plan`."""
    path = prefix
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return path or "body"


async def _answer_domain_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, ProvisioningError):
        raise error
    status = status_of(error)
    if status >= 500:
        log.warning("%s: %s", type(error).__name__, error.message)
    return answer(status, error.message if status != 500 else INTERNAL_ERROR, _headers(error))


def _headers(error: ProvisioningError) -> dict[str, str]:
    match error:
        case Unauthenticated():
            return {"WWW-Authenticate": "Bearer"}
        case UpgradeRequired():
            return {"Upgrade": "websocket", "Connection": "Upgrade"}
        case TooSlow():
            # The rest of the body would be read as the next request.
            return {"Connection": "close"}
        case TooManyAttempts() | TooManyConnections():
            return {"Retry-After": str(error.seconds)}
        case Unavailable():
            return {"Retry-After": "2"}
        case _:
            return {}


async def _answer_validation_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    # The first part of a location says path, query or header; the parameter's own name is clear enough.
    errors = [{"loc": entry["loc"][1:], "msg": entry["msg"]} for entry in error.errors()]
    return answer(422, describe(errors))


def _framework_errors(routers: Sequence[APIRouter]) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer_framework_error(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        headers = error.headers
        match error.status_code:
            case 404:
                message = f"there is nothing at {request.url.path}"
            case 405:
                message = f"{request.method} is not possible at {request.url.path}"
                # The framework names those of the first route alone that has the path.
                headers = {"Allow": ", ".join(sorted(_methods_at(request.scope, routers)))}
            case status:
                message = http.HTTPStatus(status).phrase
        return answer(error.status_code, message, headers)

    return answer_framework_error


def _methods_at(scope: Scope, routers: Sequence[APIRouter]) -> set[str]:
    routes = (route for router in routers for route in router.routes if isinstance(route, APIRoute))
    return {
        method
        for route in routes
        if route.matches(scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
