"""Leaves a demo's state directory as if there had been no demo; only its logs stay."""

import asyncio
import os
import sys
from collections.abc import Callable

from activities.settings import Settings
from deploy.local.errors import StackError
from deploy.local.parts import environment_of
from deploy.local.state_dir import StateDir


class Tidying:
    """Takes down what outlives a stack by design: its local servers, and its data."""

    def __init__(self, settings: Settings, tell: Callable[[str], None]) -> None:
        self._environment = environment_of(settings, os.environ)
        self._tell = tell

    async def tidy(self, state_dir: StateDir) -> None:
        """For a stack to call before it starts and after it ended.

        Raises:
            StackError: local servers cannot be removed. The data then stays, so that it can be tried again.
        """
        if state_dir.is_empty():
            return
        self._tell("taking down the local servers")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "activities.providers.local", "remove-all"),
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the demo alone
        )
        printed, _ = await process.communicate()
        if process.returncode != 0:
            words = printed.decode(errors="replace").strip().rpartition("\n")[2]
            raise StackError(f"the local servers of {state_dir.path} cannot be removed: {words}")
        state_dir.empty()
