"""The secrets that tokens are signed with: one signs, those before the last rotation still verify."""

import contextlib
import fcntl
import hashlib
import logging
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from activities.secret_files import kept_secret, replace_secret_file
from activities.settings import Settings, SettingsError

log = logging.getLogger(__name__)

MIN_SECRET_BYTES = 32
_LOOK_EVERY = 1.0
"""Seconds after which the file is looked at again; at once for a token whose key is not known."""


class Key(NamedTuple):
    """A secret, and the public name under which tokens mention it."""

    id: str
    secret: str


class Keyring:
    """The keys, the signing one first; read again when their source has changed."""

    def __init__(self, load: Callable[[], Sequence[str]]) -> None:
        """`load` gives the secrets, the signing one first.

        Raises:
            ValueError: there is none, or one has fewer than 32 bytes.
        """
        self._load = load
        self._keys = _keys(load())
        self._look_again = time.monotonic() + _LOOK_EVERY
        self._usable = True

    @property
    def signing(self) -> Key:
        return self._current()[0]

    def find(self, key_id: object) -> Key | None:
        """None for a key that is not ours, or not any more."""
        # Another process may have signed with a key that was put there a moment ago.
        return _named(key_id, self._current()) or _named(key_id, self._read_again())

    def _current(self) -> Sequence[Key]:
        return self._read_again() if time.monotonic() >= self._look_again else self._keys

    def _read_again(self) -> Sequence[Key]:
        self._look_again = time.monotonic() + _LOOK_EVERY
        try:
            self._keys = _keys(self._load())
        except (OSError, ValueError) as error:
            # Half way through a change by hand: what was good a second ago still is.
            if self._usable:
                log.error("the JWT secrets cannot be read again, so those before still count: %s", error)
            self._usable = False
        else:
            self._usable = True
        return self._keys


def keyring(settings: Settings) -> Keyring:
    """From the settings where they name a secret, or else from a file in the state directory.

    Raises:
        ValueError, OSError: the secrets cannot be used.
    """
    previous = settings.jwt_previous_secrets.get_secret_value() if settings.jwt_previous_secrets else ""
    verifying = [secret.strip() for secret in previous.split(",") if secret.strip()]
    if settings.jwt_secret is not None:
        given = [settings.jwt_secret.get_secret_value(), *verifying]
        return Keyring(lambda: given)
    path = key_file(settings)
    kept_secret(path)
    return Keyring(lambda: [*_lines(path), *verifying])


def key_file(settings: Settings) -> Path:
    return settings.state_dir / "jwt-secret"


def rotate(path: Path) -> None:
    """Puts a new signing secret in front of the one that signs now; older ones are dropped.

    Tokens of the dropped ones are void, so rotate once in a token's lifetime at most.

    Raises:
        ValueError: the file has no secret that could be kept.
        OSError: it cannot be read or written.
    """
    kept_secret(path)
    with _alone(path.parent):
        newest = _keys(_lines(path))[0].secret
        replace_secret_file(path, f"{secrets.token_urlsafe(32)}\n{newest}\n")


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two that rotate at once would drop each other's new secret, with which tokens may be signed already."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _lines(path: Path) -> list[str]:
    """The first one signs."""
    return path.read_text().split()


def _keys(given: Sequence[str]) -> tuple[Key, ...]:
    if not given or any(len(secret.encode()) < MIN_SECRET_BYTES for secret in given):
        raise ValueError(f"the JWT secret must have at least {MIN_SECRET_BYTES} bytes")
    return tuple(Key(hashlib.sha256(b"key id:" + s.encode()).hexdigest()[:16], s) for s in given)


def _named(key_id: object, keys: Sequence[Key]) -> Key | None:
    return next((key for key in keys if key.id == key_id), None)


def main() -> int:
    """`python -m api.security.keyring` rotates the secret in the state directory; no restart is needed."""
    try:
        settings = Settings.from_environment(os.environ)
        if settings.jwt_secret is not None:
            raise ValueError(
                "PROVISIONING_JWT_SECRET is set, so the file is not used: set a new secret there, and "
                "the one before in PROVISIONING_JWT_PREVIOUS_SECRETS"
            )
        rotate(key_file(settings))
    except (SettingsError, ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{key_file(settings)} has a new secret; tokens of the one before still hold\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
