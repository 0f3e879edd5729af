"""A worker's pulse: a file that tells whoever starts and ends workers that one lives, and if it works."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Literal

from temporalio.client import Client
from temporalio.service import RPCError

log = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between two beats."""
_ANSWER_WITHIN = timedelta(seconds=2)

State = Literal["starting", "working", "waiting"]
"""`waiting` is a worker that has lost Temporal: it lives, and to start it anew would not help."""


class Pulse:
    """Writes the worker's state into `file` at every beat; a file that grows old is a worker that hangs.

    Does nothing without a file.
    """

    def __init__(self, file: Path | None, every: float = EVERY) -> None:
        self._file = file
        self._every = every
        self._client: Client | None = None
        self._changed = asyncio.Event()

    def works_with(self, client: Client) -> None:
        """From now on the worker polls, over this client."""
        self._client = client
        self._changed.set()

    @contextlib.asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Beats while the block runs, and removes the file at its end."""
        if self._file is None:
            yield
            return
        task = asyncio.create_task(self._beat(self._file), name="pulse")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._file.unlink(missing_ok=True)

    async def _beat(self, file: Path) -> None:
        while True:
            self._changed.clear()
            state = await self._state()
            try:
                _write(file, state)
            except OSError as error:
                log.warning("the pulse cannot be written to %s: %s", file, error.strerror)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self._every)

    async def _state(self) -> State:
        if self._client is None:
            return "starting"
        try:
            await self._client.service_client.check_health(timeout=_ANSWER_WITHIN)
        except (RPCError, RuntimeError):
            return "waiting"
        return "working"


def _write(file: Path, state: State) -> None:
    """Whole or not at all: it is read at any moment."""
    draft = file.with_name(f".{file.name}.new")
    draft.write_text(f"{state}\n")
    draft.replace(file)
