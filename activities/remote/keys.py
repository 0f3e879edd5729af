"""The key with which the service logs in to the servers that it made."""

import fcntl
import os
from pathlib import Path

import asyncssh


def client_key(state_dir: Path) -> asyncssh.SSHKey:
    """The service's own SSH key, made at first use and kept in a 0600 file under the state directory."""
    folder = state_dir / "ssh"
    path = folder / "id_ed25519"
    # It may have been put there for us, in a folder that we cannot write to.
    if not path.exists():
        _make(path)
    return asyncssh.read_private_key(path)


def _make(path: Path) -> None:
    folder = path.parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            key = asyncssh.generate_private_key("ssh-ed25519", comment="provisioning")
            draft = folder / "id_ed25519.new"
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(key.export_private_key())
            (folder / "id_ed25519.pub").write_bytes(key.export_public_key())
            draft.rename(path)


def login_line(state_dir: Path) -> str:
    """The public half of the service's own key, as a line of `authorized_keys`."""
    return client_key(state_dir).export_public_key().decode().strip()
