"""Times every request for Prometheus."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.monitoring.prometheus import RequestMeter, route_of


class MeasuringMiddleware:
    """Stands outside of everything, so that it sees what the client gets."""

    def __init__(self, app: ASGIApp, meter: RequestMeter) -> None:
        self._app = app
        self._meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        status: int | None = None
        open_socket = False

        async def noted(message: Message) -> None:
            nonlocal status, open_socket
            match message["type"]:
                case "http.response.start" | "websocket.http.response.start":
                    status = message["status"]
                case "websocket.accept":
                    status, open_socket = 101, True
                    self._meter.websockets.inc()
            await send(message)

        gauge = self._meter.in_progress
        gauge.inc()
        try:
            await self._app(scope, receive, noted)
        finally:
            gauge.dec()
            if open_socket:
                self._meter.websockets.dec()
            if status is not None:
                seconds = time.monotonic() - started if scope["type"] == "http" else None
                self._meter.answered(scope.get("method", "GET"), route_of(scope), status, seconds)
