"""What Prometheus reads: our addition to the contract, in Prometheus's own format."""

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from api.deps import ServicesDep
from api.monitoring.prometheus import CONTENT_TYPE

router = APIRouter(tags=["Metrics"])


@router.get("/metrics", response_class=PlainTextResponse)
async def get_prometheus_metrics(services: ServicesDep) -> Response:
    return Response(await services.exposition.text(), headers={"Content-Type": CONTENT_TYPE})
