"""What exists now, how to reach it, and what to try next."""

import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.local.demo.answers import Server
from deploy.local.demo.batch import SECOND
from deploy.local.demo.reach import Proof
from deploy.local.stack import LocalStack


def show_servers(console: Console, servers: Sequence[Server]) -> None:
    table = Table(title="what exists now", title_justify="left")
    for column in ("server", "infra", "provider", "plan", "zone", "SSH", "task services"):
        table.add_column(column)
    for server in servers:
        table.add_row(
            *(server.name, server.infra, server.provider, server.plan, server.zone),
            f"{server.ssh.host}:{server.ssh.port}",
            "\n".join(f"{service.name} at {service.address}" for service in server.task_services),
        )
    console.print(table)


def show_proofs(console: Console, proofs: Sequence[Proof]) -> None:
    """Each command on a line of its own, never broken, so that it can be pasted."""
    console.print("how to reach it (each command was run just now):")
    for proof in proofs:
        verdict = "answered" if proof.answered else "DID NOT ANSWER"
        colour = "green" if proof.answered else "red"
        console.print(f"  {proof.command.what}: {verdict}", style=colour, markup=False)
        _line(console, f"    $ {proof.command.text}")
        _line(console, f"      {proof.output}")


def show_what_next(console: Console, stack: LocalStack) -> None:
    """Commands for a second terminal; only where there is a person to try them."""
    if not console.is_terminal:
        return
    settings, url = stack.settings, stack.url
    here = _relative(settings.state_dir)
    # One that came by the environment was never written to a file.
    password = f"$(cat {here}/admin-password)" if settings.admin_password is None else "YOUR_PASSWORD"
    log_in = (
        f"TOKEN=$(curl -s {url}/auth/login -H 'Content-Type: application/json' "
        f'-d "{{\\"username\\":\\"{settings.admin_username}\\",\\"password\\":\\"{password}\\"}}" '
        """| sed 's/.*"token": *"\\([^"]*\\)".*/\\1/')"""
    )
    bearer = '-H "Authorization: Bearer $TOKEN"'
    submit = (
        f"curl -s {url}/batch/execute {bearer} -H 'Content-Type: application/json' -d @{_relative(SECOND)}"
    )
    console.print("what to try next, in another terminal:", style="bold")
    suggestions = [
        ("log in", log_in),
        ("submit another batch", submit),
        ("cancel it while it runs", f"curl -s -X POST {bearer} {url}/batch/operations/BATCH_ID/cancel"),
        ("kill the worker in the middle of it", f"kill -9 $(cat {here}/run/worker-1.pid)"),
        ("see what was done, and by which task", f"curl -s {bearer} {url}/inventory/effects"),
    ]
    for title, command in suggestions:
        console.print(f"  {title}", markup=False)
        _line(console, f"    $ {command}")
    if settings.temporal_address is None:
        _line(console, f"  every execution: http://127.0.0.1:{settings.temporal_ui_port} (Temporal UI)")
    _line(console, f"  the API as it is served: {url}/openapi.json")
    console.print("Ctrl-C takes everything down, the local servers too.", style="bold")


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)


def _relative(path: Path) -> str:
    return os.path.relpath(path)
