"""The contract as it is served, and a page to try it out."""

from fastapi import APIRouter, Response
from fastapi.openapi.docs import get_swagger_ui_html

from api.openapi import served_contract

router = APIRouter(tags=["Documentation"], include_in_schema=False)


@router.get("/openapi.json")
async def openapi() -> Response:
    return Response(served_contract(), media_type="application/json")


@router.get("/docs")
async def docs() -> Response:
    return get_swagger_ui_html(openapi_url="openapi.json", title="Provisioning API")
