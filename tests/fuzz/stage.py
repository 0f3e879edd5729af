"""The stack that is fuzzed: what it is asked to do for real stays small."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from tests.support.stack import Stack, a_stack


@contextlib.asynccontextmanager
async def fuzzed_stack(folder: Path) -> AsyncIterator[Stack]:
    """A stack of its own, that has started, and whose servers are processes; it leaves nothing behind."""
    async with a_stack(folder / "state", local_isolation="process", max_operations=4) as stack:
        await stack.start()
        yield stack
