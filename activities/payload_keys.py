"""The keys that seal payloads on their way to Temporal: one seals, those before it still open."""

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

MIN_KEY_BYTES = 16
_LOOK_EVERY = 1.0
"""Seconds after which the file is looked at again; at once for a payload whose key is not known."""
_COST = 2**14
"""Of deriving a key from a passphrase (RFC 7914): 16 MiB and some 50 ms, once for each key."""


class PayloadKey(NamedTuple):
    """A key of AES-256, and the public name under which payloads mention it."""

    id: str
    key: bytes


class PayloadKeys:
    """The keys, the sealing one first; read again when their source has changed."""

    def __init__(self, load: Callable[[], Sequence[str]]) -> None:
        """`load` gives the passphrases, the sealing one first.

        Raises:
            ValueError: there is none, or one has fewer than 16 bytes.
            OSError: they cannot be read.
        """
        self._load = load
        self._texts: tuple[str, ...] = ()
        self._keys: tuple[PayloadKey, ...] = ()
        self._take()

    @property
    def sealing(self) -> PayloadKey:
        if time.monotonic() >= self._look_again:
            self._read_again()
        return self._keys[0]

    def find(self, key_id: str) -> PayloadKey | None:
        """None for a key that is not ours, or not any more."""
        found = self._named(key_id)
        if found is None:
            # Another process may have sealed with a key that was put there a moment ago.
            self._read_again()
            found = self._named(key_id)
        return found

    def _named(self, key_id: str) -> PayloadKey | None:
        return next((key for key in self._keys if key.id == key_id), None)

    def _read_again(self) -> None:
        try:
            self._take()
        except (OSError, ValueError) as error:
            # Half way through a change by hand: what was good a second ago still is.
            log.error("the payload keys cannot be read again, so those before still count: %s", error)

    def _take(self) -> None:
        self._look_again = time.monotonic() + _LOOK_EVERY
        texts = tuple(self._load())
        if not texts or any(len(text.encode()) < MIN_KEY_BYTES for text in texts):
            raise ValueError(f"a payload key must have at least {MIN_KEY_BYTES} bytes, and there must be one")
        if texts != self._texts:
            known = dict(zip(self._texts, self._keys, strict=True))
            self._keys = tuple(known.get(text) or _derived(text) for text in texts)
            self._texts = texts


def payload_keys(settings: Settings) -> PayloadKeys | None:
    """From the settings, or the file that they name; None where payloads stay as they are.

    Raises:
        ValueError, OSError: the keys cannot be used.
    """
    path = settings.payload_keys_file
    if settings.payload_keys is not None:
        if path is not None:
            raise ValueError("set PROVISIONING_PAYLOAD_KEYS or PROVISIONING_PAYLOAD_KEYS_FILE, not both")
        given = settings.payload_keys.get_secret_value().split(",")
        texts = [text.strip() for text in given if text.strip()]
        return PayloadKeys(lambda: texts)
    if path is None:
        return None
    # It is never made on the way: a mount that failed would seal with a key that nobody else has.
    return PayloadKeys(lambda: path.read_text().split())


def rotate(path: Path) -> None:
    """Puts a new key in front of those in the file, which is made where there is none.

    The others stay: histories are read for as long as Temporal keeps them.

    Raises:
        OSError: the file cannot be read or written.
    """
    if kept_secret(path).made_now:
        return
    with _alone(path.parent):
        kept = path.read_text().split()
        replace_secret_file(path, "\n".join([secrets.token_urlsafe(32), *kept]) + "\n")


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two that rotate at once would drop each other's new key, with which payloads may be sealed already."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _derived(text: str) -> PayloadKey:
    """Slowly, since people choose passphrases that can be guessed."""
    key = hashlib.scrypt(text.encode(), salt=b"provisioning payload key", n=_COST, r=8, p=1, dklen=32)
    return PayloadKey(hashlib.sha256(b"key id:" + key).hexdigest()[:16], key)


def main() -> int:
    """`python -m activities.payload_keys` makes the file of keys, or rotates it; no restart is needed."""
    try:
        path = Settings.from_environment(os.environ).payload_keys_file
        if path is None:
            raise ValueError("PROVISIONING_PAYLOAD_KEYS_FILE says which file; it is not set")
        rotate(path)
    except (SettingsError, ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{path} has a new key first; payloads of those before can still be read\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
