"""Who works on which servers: our addition to the contract."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import ServicesDep
from api.schemas.envelope import ApiResponse
from api.schemas.locks import Lock

router = APIRouter(tags=["Inventory"])

Infra = Annotated[str | None, Query(min_length=1, max_length=63)]


@router.get("/locks")
async def list_locks(services: ServicesDep, infra: Infra = None) -> ApiResponse[list[Lock]]:
    """Infra by infra, in the order in which they were asked for."""
    return ApiResponse(data=[Lock.of(found) for found in await services.locks.all(infra)])
