"""One client's connection, from its acceptance to its end."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from api.live.closing import DEFECT, FLOOD, TOO_SLOW, ClientGone, ConnectionEnds, TooSlow
from api.live.replay import Replay

log = logging.getLogger(__name__)

SEND_SECONDS = 10.0
"""How long a client may leave its socket full."""

CLOSE_SECONDS = 30.0
"""How long the close frame may wait for room in the socket."""

MAX_MESSAGES = 60
WINDOW = 10.0
"""Messages that a client may send in so many seconds. Nobody reads them."""

_YIELD_AFTER = 100
"""Messages to one client after which the others get their turn."""


class Session:
    """Sends what `replay` gives until somebody ends it."""

    def __init__(self, websocket: WebSocket, replay: Replay) -> None:
        self._websocket = websocket
        self._replay = replay
        self._sent = 0

    async def run(self, guarding: Coroutine[Any, Any, None]) -> None:
        """Returns when the connection is over. `guarding` raises ConnectionEnds when it should be."""
        try:
            await self._first_end(self._send_all(), self._discard_received(), guarding)
        except ClientGone:
            log.info("live connection: the client went, %d events sent", self._sent)
        except TooSlow:
            await self._close(TOO_SLOW, f"too slow; resume with since={self._replay.position}")
        except ConnectionEnds as end:
            await self._close(end.code, end.reason)
        except Exception:
            log.exception("live connection failed")
            await self._close(DEFECT, f"internal error; resume with since={self._replay.position}")

    async def _first_end(self, *parts: Coroutine[Any, Any, None]) -> None:
        """Runs the parts together until the first of them raises; the others are over when this is."""
        tasks = [asyncio.create_task(part) for part in parts]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            if task in done:
                task.result()

    async def _send_all(self) -> None:
        async with contextlib.aclosing(self._replay.messages()) as messages:
            async for message in messages:
                await self._send(message.text)
                self._sent += 1
                if self._sent % _YIELD_AFTER == 0:
                    await asyncio.sleep(0)

    async def _send(self, text: str) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._websocket.send_text(text)
        except TimeoutError:
            raise TooSlow from None
        except (WebSocketDisconnect, RuntimeError):
            # A RuntimeError: the server has closed it by itself, such as after a ping without an answer.
            raise ClientGone from None

    async def _discard_received(self) -> None:
        """Takes what the client sends, and notices that it goes."""
        began, received = time.monotonic(), 0
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise ClientGone
            if time.monotonic() - began > WINDOW:
                began, received = time.monotonic(), 0
            received += 1
            if received > MAX_MESSAGES:
                raise ConnectionEnds(FLOOD, "too many messages; none is expected")

    async def _close(self, code: int, reason: str) -> None:
        """Tells the client why, behind everything that was sent; gives up where it takes nothing more."""
        log.info("live connection: closing with %d, %s; %d events sent", code, reason, self._sent)
        with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._websocket.close(code, reason)
