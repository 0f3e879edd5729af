"""The key with which the service logs in to the servers that it made."""

import fcntl
from pathlib import Path

import asyncssh

from activities.secret_files import replace_secret_file


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
            (folder / "id_ed25519.pub").write_bytes(key.export_public_key())
            replace_secret_file(path, key.export_private_key().decode())


def login_line(state_dir: Path) -> str:
    """The public half of the service's own key, as a line of `authorized_keys`."""
    return client_key(state_dir).export_public_key().decode().strip()
