"""The control center's page, on its own port alone. What it shows it gets from the API, as all clients do."""

import functools
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response
from starlette.exceptions import HTTPException

from api.control_center.assets import INDEX, Asset, assets
from api.deps import ServicesDep


def _on_its_port(request: Request, services: ServicesDep) -> None:
    """Elsewhere there is the API and nothing else."""
    server = request.scope.get("server")
    if server is None or server[1] != services.settings.control_center_port:
        raise HTTPException(404)


router = APIRouter(tags=["Control Center"], include_in_schema=False, dependencies=[Depends(_on_its_port)])

Known = Annotated[str, Header(alias="If-None-Match")]
Encodings = Annotated[str, Header(alias="Accept-Encoding")]


@functools.cache
def _files() -> Mapping[str, Asset]:
    return assets()


@router.get("/")
async def page(known: Known = "", encodings: Encodings = "") -> Response:
    return _files()[INDEX].answer(known, encodings)


@router.get("/control-center/{path:path}")
async def file(path: str, known: Known = "", encodings: Encodings = "") -> Response:
    """What the page consists of: modules, styles, libraries."""
    if (asset := _files().get(path)) is None:
        raise HTTPException(404)
    return asset.answer(known, encodings)
