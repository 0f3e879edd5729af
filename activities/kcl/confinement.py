"""What the kernel can take from a process that is about to do as it is told.

Each layer holds by itself, for root as for others, and most machines and containers grant at least one of
those that hold files. What is not granted is left out, and `confine` says what holds.
"""

import ctypes
import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import NamedTuple

NAMESPACES, ROOT, LANDLOCK = "namespaces", "root", "landlock"
LAYERS = (NAMESPACES, ROOT, LANDLOCK)

_SET_NO_NEW_PRIVILEGES = 38
_CAPABILITY_VERSION = 0x20080522

_NEW_USER, _NEW_NETWORK, _NEW_IPC = 0x10000000, 0x40000000, 0x08000000

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""The system calls of Landlock, alike on every architecture."""
_VERSION = 1
_PATH_BENEATH = 1
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class _Ruleset(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


class Confined(NamedTuple):
    """How a process is held from now on."""

    folder: Path
    """The path under which it now sees the folder that is left to it."""
    layers: tuple[str, ...]


def holds_files(layers: Collection[str]) -> bool:
    """Whether nothing outside the folder can be opened, whatever the process tries."""
    return ROOT in layers or LANDLOCK in layers


def confine(folder: Path, readable: Iterable[str], layers: Iterable[str] = LAYERS) -> Confined:
    """Confines this process for good. It must have a single thread, and have loaded what it needs.

    Args:
        folder: what is left of the file system.
        readable: names of the folders in it that may be read.
        layers: which layers to try.
    """
    held: list[str] = []

    def hold(layer: str, attempt: Callable[[], bool]) -> bool:
        if layer in layers and attempt():
            held.append(layer)
            return True
        return False

    _libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    hold(NAMESPACES, _leave_namespaces)
    if hold(ROOT, lambda: _change_root(folder)):
        folder = Path("/")
    _drop_capabilities()
    hold(LANDLOCK, lambda: _restrict([folder / name for name in readable]))
    return Confined(folder, tuple(held))


def _leave_namespaces() -> bool:
    """Into namespaces without a network; with a user's of its own wherever that is allowed."""
    return any(
        _libc.unshare(flags) == 0 for flags in (_NEW_USER | _NEW_NETWORK | _NEW_IPC, _NEW_NETWORK | _NEW_IPC)
    )


def _change_root(folder: Path) -> bool:
    try:
        os.chroot(folder)
    except PermissionError:
        return False
    os.chdir("/")
    return True


def _drop_capabilities() -> None:
    """Gives up what root, or the first in a namespace, can do beyond others."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    _libc.capset(header, (ctypes.c_uint32 * 6)())


def _restrict(readable: Iterable[Path]) -> bool:
    """Under Landlock: reads in these folders, and nothing else that it knows of."""
    version = _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    if version < 1:
        return False
    network, scoped = 0b11 * (version >= 4), 0b11 * (version >= 6)
    wanted = _Ruleset(files=_file_rights(version), network=network, scoped=scoped)
    size = ctypes.c_size_t(ctypes.sizeof(wanted))
    ruleset = _libc.syscall(_CREATE_RULESET, ctypes.byref(wanted), size, 0)
    if ruleset < 0:
        return False
    try:
        return all(_allow(ruleset, folder) for folder in readable) and not _libc.syscall(
            _RESTRICT_SELF, ruleset, 0
        )
    finally:
        os.close(ruleset)


def _file_rights(version: int) -> int:
    """Every right to files that this version of Landlock can take away."""
    number = 13 + (version >= 2) + (version >= 3) + (version >= 5)
    return (1 << number) - 1


def _allow(ruleset: int, path: Path) -> bool:
    folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = _Beneath(allowed=_READ_FILE | _READ_FOLDER, folder=folder)
        return not _libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(folder)
