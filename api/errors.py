"""The one table from errors to HTTP, and the contract's `ErrorResponse` as the only shape they leave in.

ProvisioningError            workflows/domain/errors.py
├── MalformedRequest  400    the body is no JSON
├── Unauthenticated   401    no token, or one that does not hold
├── Forbidden         403    the user's role is not enough
├── TooLarge          413    the body is over the limit
├── UnsupportedBody   415    the body is of another type than JSON
└── TooManyAttempts   429    too many failed logins
"""

import http
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

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

INTERNAL_ERROR = "internal error; the service's log says more under this answer's X-Request-ID"


class MalformedRequest(ProvisioningError):
    """The body is not what its type says: no JSON, or JSON that no parser should accept."""


class Unauthenticated(ProvisioningError):
    """Nobody, or not any more. The message never says which part of a credential was wrong."""


class Forbidden(ProvisioningError):
    """A known user without the role."""


class TooLarge(ProvisioningError):
    """The body has more bytes than the service takes."""


class UnsupportedBody(ProvisioningError):
    """The body's content type is not JSON."""


class TooManyAttempts(ProvisioningError):
    """Too many failed logins. `seconds` says when to try again."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


STATUS: Mapping[type[ProvisioningError], int] = {
    MalformedRequest: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    TooLarge: 413,
    UnsupportedBody: 415,
    InvalidRequest: 422,
    Refused: 422,
    TooManyAttempts: 429,
    Unavailable: 503,
}
"""What has no line here is a defect of ours: 500, without its text."""


def install(app: FastAPI) -> None:
    """Makes every error of ours and of the framework an `ErrorResponse`."""
    app.add_exception_handler(ProvisioningError, _answer_domain_error)
    app.add_exception_handler(RequestValidationError, _answer_validation_error)
    app.add_exception_handler(HTTPException, _answer_framework_error)


def answer(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    body = ErrorResponse(error=message).model_dump_json()
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
        case TooManyAttempts():
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


async def _answer_framework_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    match error.status_code:
        case 404:
            message = f"there is nothing at {request.url.path}"
        case 405:
            message = f"{request.method} is not possible at {request.url.path}"
        case status:
            message = http.HTTPStatus(status).phrase
    return answer(error.status_code, message, error.headers)
