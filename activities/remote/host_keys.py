"""Host keys for servers whose provider lets us say what they shall show."""

import base64
import hashlib
import hmac
from pathlib import Path
from typing import NamedTuple

import asyncssh
from pydantic import SecretStr

from activities.remote.keys import client_key

_KIND = b"ssh-ed25519"
_PKCS8 = bytes.fromhex("302e020100300506032b657004220420")
"""What stands in front of the 32 bytes of a private Ed25519 key in PKCS#8 (RFC 8410)."""


class HostKey(NamedTuple):
    """`private` is a file of OpenSSH, `public` the line that an `SshEndpoint` has."""

    private: SecretStr
    public: str


def host_key(state_dir: Path, purpose: str) -> HostKey:
    """The key for `purpose`: the same to the byte each time, and not to be told without the service's key.

    So it need not be kept, and who asks a provider for the same server again asks the same thing.
    """
    secret = client_key(state_dir).export_private_key("pkcs8-der")
    seed = hmac.digest(secret, b"host key: " + purpose.encode(), hashlib.sha256)
    key = asyncssh.import_private_key(_PKCS8 + seed)
    return HostKey(
        private=SecretStr(_openssh_file(seed, key.public_data)),
        public=key.export_public_key().decode().strip(),
    )


def _openssh_file(seed: bytes, public_blob: bytes) -> str:
    """The format of OpenSSH's PROTOCOL.key. asyncssh writes it too, with random bytes in it."""
    public = public_blob[-32:]
    check = hashlib.sha256(b"check" + seed).digest()[:4]
    private = check * 2 + b"".join(map(_string, (_KIND, public, seed + public, b"")))
    private += bytes(range(1, 1 + -len(private) % 8))
    whole = b"".join(
        (
            b"openssh-key-v1\0",
            *map(_string, (b"none", b"none", b"")),
            (1).to_bytes(4, "big"),
            *map(_string, (public_blob, private)),
        )
    )
    text = base64.b64encode(whole).decode()
    lines = [text[start : start + 70] for start in range(0, len(text), 70)]
    return "\n".join(("-----BEGIN OPENSSH PRIVATE KEY-----", *lines, "-----END OPENSSH PRIVATE KEY-----", ""))


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data
