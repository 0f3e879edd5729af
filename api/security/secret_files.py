"""Secrets that are made once and kept in a file that only the service's user can read."""

import os
import secrets
from pathlib import Path
from typing import NamedTuple


class KeptSecret(NamedTuple):
    value: str
    made_now: bool


def kept_secret(path: Path) -> KeptSecret:
    """The secret in `path`, made at first use.

    Several processes may ask at once, and any of them may die in between: the file appears whole or not at
    all, and all get the same secret.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        return KeptSecret(path.read_text().strip(), made_now=False)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
            made_now = True
        except FileExistsError:
            made_now = False
    finally:
        draft.unlink()
    return KeptSecret(path.read_text().strip(), made_now)
