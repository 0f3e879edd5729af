"""`make run`: the stack alone, until Ctrl-C."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from activities.settings import Settings
from deploy.local.program import Program
from deploy.local.stack import LocalStack
from deploy.local.supervise import Interrupts, while_supervised


def tell(line: str) -> None:
    """Prints a line at once, also into a pipe."""
    print(line, flush=True)


async def run(settings: Settings, beside: Sequence[Program] = ()) -> int:
    """Runs the stack, and `beside` it, until it is interrupted. Returns the exit code; raises StackError."""
    stack = LocalStack(settings, tell, beside=beside)
    password = stack.settings.state_dir / "admin-password"
    is_new = not password.exists()
    tell(f"starting the stack in {stack.settings.state_dir}")

    async def stay() -> None:
        tell(f"ready: {stack.url}")
        _introduce(stack.settings, password, is_new)
        await asyncio.Event().wait()

    await while_supervised(stack, stay, Interrupts(), tell)
    tell("stopped")
    return 0


def _introduce(settings: Settings, password: Path, is_new: bool) -> None:
    if settings.temporal_address is None:
        tell(f"Temporal UI: http://127.0.0.1:{settings.temporal_ui_port}")
    if settings.admin_password is None and password.exists():
        # A secret must not get into a log: it is shown to a person only, and only once.
        if is_new and sys.stdout.isatty():
            tell(f"log in as {settings.admin_username} with the password {password.read_text().strip()}")
        tell(f"the password of {settings.admin_username} is kept in {password}")
    tell(f"logs: {settings.state_dir / 'log'}   stop: Ctrl-C")
