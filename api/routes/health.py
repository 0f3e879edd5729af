"""Is the service able to work?"""

import asyncio

from fastapi import APIRouter

from api.deps import ServicesDep
from api.schemas.envelope import ApiResponse

router = APIRouter(tags=["Health"])


@router.get("/health")
async def health(services: ServicesDep) -> ApiResponse[str]:
    """Healthy while Temporal and MongoDB answer and a worker polls; 503 names what is missing."""
    await asyncio.gather(services.orchestrator.check(), services.stores.ping())
    services.monitoring.require_worker()
    return ApiResponse(data="Orchestrator is healthy")


@router.get("/health/live")
async def live() -> ApiResponse[str]:
    """Whether this process answers, whatever else is away: for who would start it anew."""
    return ApiResponse(data="Alive")
