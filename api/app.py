"""The application: routes, errors and what happens around every request."""

import contextlib
from collections.abc import AsyncIterator

from fastapi import Depends, FastAPI
from fastapi.telemetry import TelemetryConfig

from activities.settings import Settings
from api import cross_origin, errors, permissions
from api.audit import AuditMiddleware
from api.deps import authorize
from api.lifespan import prepare, services
from api.measuring import MeasuringMiddleware
from api.middleware import BodyLimitMiddleware, RequestMiddleware
from api.monitoring.prometheus import RequestMeter, registry
from api.routes import ROUTERS

_TELEMETRY: TelemetryConfig = {
    "metrics": False,
    # They would say what is in a body that does not fit, and what an exception says.
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
    # What is asked all the time by those who only look, and what may have a token in its query.
    "exclude": lambda scope: scope["type"] != "http" or scope["path"] in ("/health", "/metrics", "/ws"),
}
"""A span for each request, where there is a collector (activities/tracing.py)."""


def create_app(settings: Settings) -> FastAPI:
    """The application, not started yet.

    Raises:
        RuntimeError: a route has no line in the permission table.
        ValueError, OSError: the settings, or the files that they name, cannot be used.
    """
    permissions.require_complete(ROUTERS)
    prepared = prepare(settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with services(settings, prepared, app.state.registry) as app.state.services:
            yield

    app = FastAPI(
        title="Provisioning API",
        lifespan=lifespan,
        dependencies=[Depends(authorize)],
        telemetry=_TELEMETRY,
        redirect_slashes=False,
        # The contract is served instead (routes/documentation.py).
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    for router in ROUTERS:
        app.include_router(router)
    errors.install(app, ROUTERS)
    app.state.max_string_length = settings.max_string_length
    app.add_middleware(BodyLimitMiddleware, limit=settings.max_body_bytes, seconds=settings.body_timeout)
    cross_origin.install(app, settings)
    app.add_middleware(AuditMiddleware, state=app.state)
    app.add_middleware(RequestMiddleware)
    app.state.registry = registry()
    app.add_middleware(MeasuringMiddleware, meter=RequestMeter(app.state.registry))
    return app
