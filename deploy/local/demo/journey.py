"""The demo from beginning to end: a stack of its own, a batch, the proof, and the way back."""

import asyncio
import sys
from pathlib import Path

import httpx
from rich.console import Console

from activities.settings import Settings
from deploy.local.demo.batch import DEMO, read_batch
from deploy.local.demo.client import ApiClient
from deploy.local.demo.display import display_on
from deploy.local.demo.following import Moment, follow
from deploy.local.demo.reach import commands_for, prove
from deploy.local.demo.summary import show_proofs, show_servers, show_what_next
from deploy.local.demo.tidying import Tidying
from deploy.local.errors import DemoFailed
from deploy.local.ports import free_port, is_free
from deploy.local.stack import LocalStack
from deploy.local.supervise import Interrupts, while_supervised

STATE_DIR = Path(".demo")
INTERRUPTED = 130

_PORTS = (
    "api_port",
    "control_center_port",
    "temporal_port",
    "temporal_ui_port",
    "mongodb_port",
    "surrealdb_port",
)


async def demo(settings: Settings) -> int:
    """Shows a batch live, and what it made.

    On a terminal the stack then stays until Ctrl-C. Everything is taken down at the end, the local servers
    too. Returns the exit code.

    Raises:
        StackError: what went wrong; a failed batch is a DemoFailed.
    """
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)

    def tell(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    settings = _of_its_own(settings, console)
    tidying = Tidying(settings, tell)
    stack = LocalStack(settings, tell, tidying.tidy)
    succeeded = False

    async def work() -> None:
        nonlocal succeeded
        tell(f"ready: {stack.url}")
        await _show(stack, console)
        succeeded = True
        if console.is_terminal:
            await asyncio.Event().wait()

    tell(f"starting a stack in {settings.state_dir}")
    await while_supervised(stack, work, Interrupts(), tell)
    tell("everything is taken down, the local servers too")
    return 0 if succeeded else INTERRUPTED


def _of_its_own(settings: Settings, console: Console) -> Settings:
    """The settings with a state directory of its own, and other ports where the defaults are taken."""
    changes: dict[str, object] = {"state_dir": STATE_DIR.resolve()}
    ports: set[int] = {getattr(settings, name) for name in _PORTS}
    for name in _PORTS:
        port: int = getattr(settings, name)
        host = settings.host if name in {"api_port", "control_center_port"} else "127.0.0.1"
        # One that was asked for by name is not replaced: the stack says that it is taken.
        if name not in settings.model_fields_set and not is_free(host, port):
            other = free_port(avoid=frozenset(ports))
            ports.add(other)
            changes[name] = other
            console.print(f"port {port} is taken: using {other} instead")
    return settings.model_copy(update=changes)


async def _show(stack: LocalStack, console: Console) -> None:
    async with httpx.AsyncClient(base_url=stack.url, timeout=30, trust_env=False) as http:
        api = ApiClient(http)
        await api.log_in(stack.settings.admin_username, _password(stack.settings))
        submitted = await api.submit(read_batch(DEMO))
        console.print(f"batch {submitted.name} is submitted as {submitted.batch_id}")
        await _watch(api, submitted.batch_id, console)
        await _prove(api, stack.settings, console)
    show_what_next(console, stack)


def _password(settings: Settings) -> str:
    if settings.admin_password is not None:
        return settings.admin_password.get_secret_value()
    return (settings.state_dir / "admin-password").read_text().strip()


async def _watch(api: ApiClient, batch_id: str, console: Console) -> None:
    with display_on(console) as display:
        async for moment in follow(api, batch_id):
            display.show(moment)
    if moment.batch.status != "Completed":
        raise DemoFailed(_why(moment))


def _why(moment: Moment) -> str:
    batch = moment.batch
    lines = [f"the batch ended {batch.status}: {batch.error or 'no reason was given'}"]
    lines += [f"{operation}: {error}" for operation, error in sorted(moment.errors.items())]
    lines += [f"left behind: {line}" for line in batch.remaining]
    return "\n".join(lines)


async def _prove(api: ApiClient, settings: Settings, console: Console) -> None:
    servers = sorted(await api.servers(), key=lambda server: server.name)
    key = settings.state_dir / "ssh" / "id_ed25519"
    show_servers(console, servers)
    proofs = await prove([command for server in servers for command in commands_for(server, key)])
    show_proofs(console, proofs)
    silent = [proof.command.what for proof in proofs if not proof.answered]
    if silent or not servers:
        raise DemoFailed(f"no answer from: {', '.join(silent) or 'any server, for there is none'}")
