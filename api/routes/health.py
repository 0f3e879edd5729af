"""Is the service able to work?"""

import asyncio

from fastapi import APIRouter

from api.deps import ServicesDep
from api.schemas.envelope import ApiResponse

router = APIRouter(tags=["Health"])


@router.get("/health")
async def health(services: ServicesDep) -> ApiResponse[str]:
    """Healthy while Temporal and MongoDB answer; 503 names the one that does not."""
    await asyncio.gather(services.orchestrator.check(), services.stores.ping())
    return ApiResponse(data="Orchestrator is healthy")
