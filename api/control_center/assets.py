"""The files of the page as answers: which there are, with which headers, and how a browser keeps them."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fastapi import Response

FOLDER = Path(__file__).parent

INDEX = "page/index.html"

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What is served; everything else in the folders is for those who read them."""

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # It asks each time, and mostly hears that nothing has changed: so page and API are of one version.
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
}


@dataclass(frozen=True)
class Asset:
    """A file, read once."""

    content: bytes
    media_type: str

    @cached_property
    def etag(self) -> str:
        """Weak: it is the same for the packed file."""
        return f'W/"{hashlib.sha256(self.content).hexdigest()[:32]}"'

    @cached_property
    def packed(self) -> bytes:
        return gzip.compress(self.content, mtime=0)

    def answer(self, known: str, encodings: str) -> Response:
        """The file, or that the browser has it.

        Args:
            known: the tags of what the browser has, as `If-None-Match` lists them.
            encodings: what it can unpack, as `Accept-Encoding` lists them.
        """
        headers = _HEADERS | {"ETag": self.etag}
        if self.etag in (tag.strip() for tag in known.split(",")):
            return Response(status_code=304, headers=headers)
        if "gzip" in (name.partition(";")[0].strip() for name in encodings.split(",")):
            headers["Content-Encoding"] = "gzip"
            return Response(self.packed, headers=headers, media_type=self.media_type)
        return Response(self.content, headers=headers, media_type=self.media_type)


def assets() -> Mapping[str, Asset]:
    """By their paths below this folder, such as `page/index.html`. What is not among them is not served."""
    files = (file for top in ("page", "vendor") for file in sorted((FOLDER / top).rglob("*")))
    return {
        file.relative_to(FOLDER).as_posix(): Asset(file.read_bytes(), _TYPES[file.suffix])
        for file in files
        if file.suffix in _TYPES
    }
