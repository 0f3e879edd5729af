"""How this process gets the rights that a box needs: by being root, or in a user namespace."""

import os
import pwd
import shutil
from collections.abc import Sequence
from pathlib import Path

_USER_NAMESPACE = ("unshare", "--user", "--map-auto", "--map-root-user")
_TOOLS = ("unshare", "setpriv", "pivot_root", "mount")
_FEWEST_IDS = 65536


def as_root() -> Sequence[str]:
    """What to put before a command so that it is root over the boxes' files."""
    return () if os.geteuid() == 0 else _USER_NAMESPACE


def in_new_namespaces() -> Sequence[str]:
    """Like `as_root`, with mounts, processes, host name and IPC of its own, all gone when it ends."""
    own = ("--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child=KILL")
    return (*(as_root() or ("unshare",)), *own)


def overlay_options() -> str:
    """In a user namespace overlayfs may keep its marks in the user's extended attributes only."""
    return "" if os.geteuid() == 0 else ",userxattr"


def missing() -> str | None:
    """What this machine plainly lacks for boxes, in words; None if nothing."""
    lacking = [tool for tool in _TOOLS if shutil.which(tool, path=search_path()) is None]
    if lacking:
        return f"not installed: {', '.join(lacking)}"
    if os.geteuid() == 0:
        return None
    if shutil.which("newuidmap") is None or shutil.which("newgidmap") is None:
        return "newuidmap is not installed (package uidmap)"
    for table in (Path("/etc/subuid"), Path("/etc/subgid")):
        if _subordinate_ids(table) < _FEWEST_IDS:
            return f"{table} gives this user fewer than {_FEWEST_IDS} subordinate ids"
    return None


def search_path() -> str:
    """PATH with the folders of root's tools, which an ordinary user's often leaves out."""
    return f"{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin"


def _subordinate_ids(table: Path) -> int:
    """How many ids the first line for this user gives: that is the one which `unshare` takes."""
    names = {str(os.getuid()), *_own_name()}
    try:
        lines = table.read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        fields = line.split(":")
        if len(fields) == 3 and fields[0] in names and fields[2].isdecimal():
            return int(fields[2])
    return 0


def _own_name() -> Sequence[str]:
    try:
        return (pwd.getpwuid(os.getuid()).pw_name,)
    except KeyError:
        return ()
