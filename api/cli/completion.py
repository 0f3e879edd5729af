"""What the shell offers where an id or a name is expected: the newest ids of the service, with their names.

A shell that completes must not be disturbed, so whatever goes wrong there is nothing to offer.
"""

import os
import re

import typer

from api.cli.answers import as_rows
from api.cli.errors import CommandFailed
from api.cli.profiles import DEFAULT_PROFILE, Profiles
from api.cli.session import session_of

Offered = list[tuple[str, str]]
"""Words, and what is said beside them."""

_MOST = 20

_PATIENCE = 2.0
"""Seconds for which a shell waits."""

_NOT_PLAIN = re.compile(r"[^\w .,:@+/-]")
"""What may mean something to a shell: zsh evaluates what it is offered, and names are anybody's choice."""

_ID = re.compile(r"[0-9A-Za-z-]+")


def batch_ids(context: typer.Context, incomplete: str) -> Offered:
    return _found(context, "/batch/operations", "batch_id", incomplete)


def task_ids(context: typer.Context, incomplete: str) -> Offered:
    return _found(context, "/tasks", "id", incomplete)


def checkpoint_ids(context: typer.Context, incomplete: str) -> Offered:
    return _found(context, "/rollback/checkpoints", "id", incomplete)


def profile_names(incomplete: str) -> list[str]:
    try:
        names = Profiles.of_user(os.environ).names()
    except CommandFailed:
        return []
    return [name for name in names if name.startswith(incomplete)]


def _found(context: typer.Context, path: str, field: str, incomplete: str) -> Offered:
    profile = context.params.get("profile") or os.environ.get("PROVISIONING_PROFILE", DEFAULT_PROFILE)
    try:
        rows = as_rows(session_of(profile).page(path, {"limit": _MOST}, _PATIENCE).data)
    except CommandFailed:
        return []
    offered = ((str(row.get(field, "")), f"{row.get('name', '')} {row.get('status', '')}") for row in rows)
    return [
        (word, _NOT_PLAIN.sub(" ", said).strip())
        for word, said in offered
        if word.startswith(incomplete) and _ID.fullmatch(word)
    ]
