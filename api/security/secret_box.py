"""Seals secrets that have to be kept in the database, so that its documents alone give nothing away."""

import base64
import hashlib
import logging

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from activities.secret_files import kept_secret
from activities.settings import Settings
from workflows.domain.errors import Unavailable

log = logging.getLogger(__name__)

MIN_KEY_BYTES = 16
_COST = 2**14
"""Of deriving a key from a passphrase (RFC 7914): 16 MiB and some 50 ms, once at the start."""


class SecretBox:
    """Seals with the first key, and opens with any."""

    def __init__(self, keys: list[str]) -> None:
        """Raises ValueError where there is none, or one has fewer than 16 bytes."""
        if not keys or any(len(key.encode()) < MIN_KEY_BYTES for key in keys):
            raise ValueError(f"the encryption key must have at least {MIN_KEY_BYTES} bytes")
        self._box = MultiFernet([Fernet(_derived(key)) for key in keys])

    def seal(self, secret: str) -> str:
        return self._box.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """Raises Unavailable where none of the keys fits, or what was sealed was changed."""
        try:
            return self._box.decrypt(sealed.encode()).decode()
        except (InvalidToken, ValueError) as error:
            log.error("a sealed secret cannot be opened: is the encryption key the one that sealed it?")
            raise Unavailable("a sealed secret cannot be opened at the moment") from error


def secret_box(settings: Settings) -> SecretBox:
    """With the keys of the settings, or else with a generated one in the state directory.

    The file may have further lines: the first encrypts, all decrypt.

    Raises:
        ValueError, OSError: the keys cannot be used.
    """
    if settings.encryption_key is not None:
        given = settings.encryption_key.get_secret_value().split(",")
        return SecretBox([key.strip() for key in given if key.strip()])
    return SecretBox(kept_secret(settings.state_dir / "encryption-key").value.split())


def _derived(key: str) -> bytes:
    """A Fernet key from any passphrase; slowly, since people choose passphrases that can be guessed."""
    derived = hashlib.scrypt(key.encode(), salt=b"provisioning secret box", n=_COST, r=8, p=1, dklen=32)
    return base64.urlsafe_b64encode(derived)
