"""The contract as it is served, and pages to try it out and to read it, which are of files of ours alone."""

import base64
import functools
import hashlib
import json
import re
from importlib.resources import files
from pathlib import PurePath
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from api.control_center.assets import Asset
from api.openapi import served_contract

router = APIRouter(tags=["Documentation"], include_in_schema=False)

_FILES = "docs/files"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".png": "image/png"}
_NAMES = frozenset({"swagger-ui-bundle.js", "swagger-ui.css", "redoc.standalone.js", "favicon.png"})
_CONTRACT = "contract.json"


@router.get("/openapi.json")
async def openapi() -> Response:
    return Response(served_contract(), media_type="application/json")


@router.get("/docs")
async def docs() -> Response:
    """To try it out."""
    return _page(*_swagger())


@router.get("/redoc")
async def redoc() -> Response:
    """To read it."""
    return _page(*_redoc())


@router.get("/docs/files/{name}")
async def file(
    name: str,
    known: Annotated[str, Header(alias="If-None-Match")] = "",
    encodings: Annotated[str, Header(alias="Accept-Encoding")] = "",
) -> Response:
    """What the pages consist of."""
    if name == _CONTRACT:
        return Response(_from_here(), media_type="application/json")
    if name not in _NAMES:
        raise HTTPException(404)
    return _asset(name).answer(known, encodings)


@functools.cache
def _asset(name: str) -> Asset:
    content = files("fastapi_offline").joinpath("static", name).read_bytes()
    return Asset(content, _TYPES[PurePath(name).suffix])


@functools.cache
def _from_here() -> bytes:
    """The contract with this server before those that it names, as seen from the place of this file."""
    contract = json.loads(served_contract())
    contract["servers"].insert(0, {"url": "../..", "description": "This server"})
    return json.dumps(contract).encode()


def _page(content: bytes, policy: str) -> Response:
    return Response(content, headers={"Content-Security-Policy": policy}, media_type="text/html")


@functools.cache
def _swagger() -> tuple[bytes, str]:
    page = get_swagger_ui_html(
        openapi_url=f"{_FILES}/{_CONTRACT}",
        title="Provisioning API",
        swagger_js_url=f"{_FILES}/swagger-ui-bundle.js",
        swagger_css_url=f"{_FILES}/swagger-ui.css",
        swagger_favicon_url=f"{_FILES}/favicon.png",
    )
    return _with_policy(page)


@functools.cache
def _redoc() -> tuple[bytes, str]:
    page = get_redoc_html(
        openapi_url=f"{_FILES}/{_CONTRACT}",
        title="Provisioning API",
        redoc_js_url=f"{_FILES}/redoc.standalone.js",
        redoc_favicon_url=f"{_FILES}/favicon.png",
        with_google_fonts=False,
    )
    # Its search is a worker that it makes of a text of its own.
    return _with_policy(page, "worker-src blob:")


def _with_policy(page: HTMLResponse, *more: str) -> tuple[bytes, str]:
    """The page and its policy.

    People log in there, beside the control center: a script of somebody else's would have their tokens.
    """
    content = bytes(page.body)
    hashes = map(_hash, re.findall(rb"<script>(.*?)</script>", content, re.DOTALL))
    policy = (
        "default-src 'none'",
        " ".join(("script-src 'self'", *hashes)),
        # Both write styles into elements, and draw from data.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        *more,
    )
    return content, "; ".join(policy)


def _hash(script: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"
