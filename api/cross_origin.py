"""Lets pages of the origins in the settings call the API; without any, nothing is answered to a preflight."""

from fastapi import FastAPI, Response
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware

from activities.settings import Settings
from api import request_ids
from api.errors import answer
from api.idempotency import KEY, REPLAYED
from api.permissions import MINIMAL_ROLE

_ALLOWED = ("Authorization", "Content-Type", KEY, request_ids.HEADER)
_EXPOSED = (request_ids.HEADER, "X-Total-Count", "Link", "Retry-After", REPLAYED)
_REMEMBERED = 600
"""Seconds for which a browser need not ask again."""


class _CrossOrigin(CORSMiddleware):
    """The framework's, with our shape of errors."""

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        message = bytes(response.body).decode()
        return answer(response.status_code, message, {"Vary": response.headers.get("vary", "Origin")})


def install(app: FastAPI, settings: Settings) -> None:
    """Tokens are sent in a header and never by the browser itself, so there are no credentials to allow."""
    origins = [origin.strip() for origin in settings.cors_origins.split(",") if origin.strip()]
    if origins:
        app.add_middleware(
            _CrossOrigin,
            allow_origins=origins,
            allow_methods=sorted({name.split()[0] for name in MINIMAL_ROLE}),
            allow_headers=_ALLOWED,
            expose_headers=_EXPOSED,
            max_age=_REMEMBERED,
        )
