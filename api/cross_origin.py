"""Lets pages of the origins in the settings call the API; without any, nothing is answered to a preflight.

Pages of a Temporal UI may call `/codec/`, and nothing else for being one.
"""

from collections.abc import Sequence

from fastapi import FastAPI, Response
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from activities.settings import Settings
from api import request_ids
from api.codec import PATH
from api.errors import answer
from api.idempotency import KEY, REPLAYED
from api.permissions import MINIMAL_ROLE

_ALLOWED = ("Authorization", "Content-Type", KEY, request_ids.HEADER)
_ALLOWED_OF_A_UI = ("Authorization", "Content-Type", "X-Namespace")
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


class _ByPath:
    """Which pages may call depends on what they call."""

    def __init__(self, app: ASGIApp, pages: Sequence[str], codec_pages: Sequence[str]) -> None:
        # Tokens are sent in a header and never by the browser itself, so there are no credentials to allow.
        self._everything = app
        if pages:
            self._everything = _CrossOrigin(
                app,
                allow_origins=pages,
                allow_methods=sorted({name.split()[0] for name in MINIMAL_ROLE}),
                allow_headers=_ALLOWED,
                expose_headers=_EXPOSED,
                max_age=_REMEMBERED,
            )
        # A UI has no token of ours; its cookie is sent by the browser (routes/codec.py).
        self._codec = app
        if codec_pages:
            self._codec = _CrossOrigin(
                app,
                allow_origins=codec_pages,
                allow_methods=["POST"],
                allow_headers=_ALLOWED_OF_A_UI,
                allow_credentials=True,
                max_age=_REMEMBERED,
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        of_a_ui = scope["type"] == "http" and scope["path"].startswith(f"{PATH}/")
        await (self._codec if of_a_ui else self._everything)(scope, receive, send)


def install(app: FastAPI, settings: Settings) -> None:
    pages = [origin.strip() for origin in settings.cors_origins.split(",") if origin.strip()]
    if pages or settings.codec_pages:
        app.add_middleware(_ByPath, pages=pages, codec_pages=settings.codec_pages)
