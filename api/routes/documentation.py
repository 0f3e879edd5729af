"""The contract as it is served, and a page to try it out, which is of files of ours alone."""

import base64
import functools
import hashlib
import re
from importlib.resources import files
from pathlib import PurePath
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.exceptions import HTTPException

from api.control_center.assets import Asset
from api.openapi import served_contract

router = APIRouter(tags=["Documentation"], include_in_schema=False)

_FILES = "docs/files"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".png": "image/png"}
_NAMES = frozenset({"swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"})


@router.get("/openapi.json")
async def openapi() -> Response:
    return Response(served_contract(), media_type="application/json")


@router.get("/docs")
async def docs() -> Response:
    page, policy = _page()
    return Response(page, headers={"Content-Security-Policy": policy}, media_type="text/html")


@router.get("/docs/files/{name}")
async def file(
    name: str,
    known: Annotated[str, Header(alias="If-None-Match")] = "",
    encodings: Annotated[str, Header(alias="Accept-Encoding")] = "",
) -> Response:
    """What the page consists of."""
    if name not in _NAMES:
        raise HTTPException(404)
    return _asset(name).answer(known, encodings)


@functools.cache
def _asset(name: str) -> Asset:
    content = files("fastapi_offline").joinpath("static", name).read_bytes()
    return Asset(content, _TYPES[PurePath(name).suffix])


@functools.cache
def _page() -> tuple[bytes, str]:
    """The page and its policy.

    People log in there, beside the control center: a script of somebody else's would have their tokens.
    """
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title="Provisioning API",
        swagger_js_url=f"{_FILES}/swagger-ui-bundle.js",
        swagger_css_url=f"{_FILES}/swagger-ui.css",
        swagger_favicon_url=f"{_FILES}/favicon.png",
    )
    content = bytes(page.body)
    hashes = map(_hash, re.findall(rb"<script>(.*?)</script>", content, re.DOTALL))
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {' '.join(hashes)}",
            # Swagger UI writes styles into elements, and draws its arrows from data.
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "form-action 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )
    return content, policy


def _hash(script: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"
