"""What a test wants to go wrong with the next calls."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from tests.support.upcloud_server.errors import ApiError


class Fault(BaseModel):
    """The next `count` calls that fit go wrong."""

    method: str = ""
    """Empty for any."""
    path: str = ""
    """What the path after the version begins with."""
    count: int = 1
    how: Literal["refuse", "lose", "hold", "delay"] = "refuse"
    """`refuse` does not carry the call out, `lose` answers with the error after it was carried out. Until
    they are released, `hold` keeps the answer back of a call that was carried out, and `delay` the call."""
    status: int = 503
    code: str = ""
    message: str = "The service is temporarily unavailable."
    plain: bool = False
    """Whether the error is a page, as of a gateway, and not UpCloud's JSON."""

    def fits(self, request: Request) -> bool:
        path = request.url.path.removeprefix("/1.3")
        return self.count > 0 and self.method in ("", request.method) and path.startswith(self.path)

    def answer(self) -> Response:
        if self.plain:
            return Response(f"<h1>{self.status}</h1>", self.status, media_type="text/html")
        return JSONResponse(ApiError(self.status, self.code, self.message).body, self.status)


class Faults:
    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._release = asyncio.Event()
        self.held: list[int] = []
        """The ports from which those calls came that are being kept back, or their answers."""

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def release(self) -> None:
        """Lets everything go, and forgets what should still go wrong."""
        self._faults.clear()
        self._release.set()
        self._release = asyncio.Event()

    async def apply(self, request: Request, carry_out: Callable[[], Awaitable[Response]]) -> Response:
        fault = next((fault for fault in self._faults if fault.fits(request)), None)
        if fault is None:
            return await carry_out()
        fault.count -= 1
        if fault.how == "refuse":
            return fault.answer()
        if fault.how == "delay":
            await request.body()  # whoever sent it may be gone when it is carried out
            await self._keep_back(request)
        answer = await carry_out()
        if fault.how == "lose":
            return fault.answer()
        if fault.how == "hold":
            await self._keep_back(request)
        return answer

    async def _keep_back(self, request: Request) -> None:
        assert request.client is not None
        self.held.append(request.client.port)
        try:
            await self._release.wait()
        finally:
            self.held.remove(request.client.port)
