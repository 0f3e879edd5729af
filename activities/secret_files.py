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
    draft = _draft(path, secrets.token_urlsafe(32) + "\n")
    try:
        try:
            os.link(draft, path)
            made_now = True
        except FileExistsError:
            made_now = False
    finally:
        draft.unlink()
    _keep_entries(path.parent)
    return KeptSecret(path.read_text().strip(), made_now)


def replace_secret_file(path: Path, text: str) -> None:
    """Writes the whole file or, when it dies in between, nothing."""
    draft = _draft(path, text)
    try:
        draft.replace(path)
    except OSError:
        draft.unlink()
        raise
    _keep_entries(path.parent)


def _keep_entries(folder: Path) -> None:
    """A file's new name is on the disk only once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _draft(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        draft.unlink()
        raise
    return draft
