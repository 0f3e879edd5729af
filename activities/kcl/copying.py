"""A private copy of an infra's folder: what an evaluation can see, and nothing that leads out of it."""

import contextlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from activities.kcl import limits
from workflows.domain.errors import InvalidRequest

INFRA, SCHEMAS = "infra", "provisioning"
"""What a copy consists of: the infra's folder, and the product's schemas under the name of their package."""

_PREFIX = "provisioning-settings-"
_ABANDONED = 3600
"""Seconds after which a copy was left behind by a process that died: an evaluation takes seconds."""

_SHIPPED = Path(__file__).parent / "schemas" / "provisioning"

_LEFT_OUT = frozenset({"kcl.mod", "kcl.mod.lock", "kcl.yaml"})
"""They name packages and files elsewhere, for KCL's own tools and for editors."""

_MODULE = '[package]\nname = "infra"\nversion = "0.1.0"\n'
"""Marks the root of the module, so that KCL looks for none further up."""


@contextlib.contextmanager
def copy_of(folder: Path) -> Iterator[Path]:
    """A folder with `INFRA` and `SCHEMAS`, removed at the end.

    Raises:
        InvalidRequest: there is something in the infra's folder that does not belong there.
        OSError: the copy cannot be written.
    """
    copy = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
    try:
        shutil.copytree(_SHIPPED, copy / SCHEMAS)
        _Copying(folder, copy / INFRA).run()
        yield copy
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def remove_abandoned() -> None:
    """Removes the copies of processes that died."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if left.lstat().st_mtime < time.time() - _ABANDONED:
                shutil.rmtree(left, ignore_errors=True)


class _Copying:
    """Copies one folder, and follows no link while it does: links are made again, and looked at in the copy,
    where nobody exchanges them."""

    def __init__(self, source: Path, target: Path) -> None:
        self._source = source
        self._target = target
        self._entries = 0
        self._bytes = 0
        self._links: list[PurePosixPath] = []

    def run(self) -> None:
        with _open(self._source, os.O_DIRECTORY, None, PurePosixPath(".")) as folder:
            self._copy_folder(folder, PurePosixPath())
        for link in self._links:
            self._check_link(link)
        (self._target / "kcl.mod").write_text(_MODULE)

    def _copy_folder(self, folder: int, path: PurePosixPath) -> None:
        if len(path.parts) > limits.DEPTH:
            raise _refusal(path, f"lies more than {limits.DEPTH} folders deep")
        (self._target / path).mkdir()
        for name in sorted(os.listdir(folder)):
            if name.startswith(".") or name in _LEFT_OUT:
                continue
            self._entries += 1
            if self._entries > limits.ENTRIES:
                raise InvalidRequest(f"settings: the infra's folder has more than {limits.ENTRIES} entries")
            self._copy_entry(folder, path / name)

    def _copy_entry(self, folder: int, path: PurePosixPath) -> None:
        with _reading(path):
            mode = os.stat(path.name, dir_fd=folder, follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            with _reading(path):
                (self._target / path).symlink_to(os.readlink(path.name, dir_fd=folder))
            self._links.append(path)
        elif stat.S_ISDIR(mode):
            with _open(path.name, os.O_DIRECTORY, folder, path) as inner:
                self._copy_folder(inner, path)
        elif stat.S_ISREG(mode):
            self._copy_file(folder, path)
        else:
            raise _refusal(path, "is neither a file nor a folder")

    def _copy_file(self, folder: int, path: PurePosixPath) -> None:
        with _open(path.name, os.O_NONBLOCK, folder, path) as file, _reading(path):
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise _refusal(path, "changed while it was read")
            with os.fdopen(file, "rb", closefd=False) as source:
                content = source.read(limits.FILE + 1)
        self._bytes += len(content)
        if len(content) > limits.FILE:
            raise _refusal(path, f"is larger than {limits.FILE >> 10} KiB")
        if self._bytes > limits.ALL_FILES:
            size = f"{limits.ALL_FILES >> 20} MiB"
            raise InvalidRequest(f"settings: the files in the infra's folder are larger than {size} together")
        if path.suffix == ".k":
            _check_text(path, content)
        (self._target / path).write_bytes(content)

    def _check_link(self, path: PurePosixPath) -> None:
        try:
            end = (self._target / path).resolve(strict=True)
        except (OSError, RuntimeError):  # it leads to nothing, or in a circle
            end = None
        if end is None or not end.is_relative_to(self._target):
            raise _refusal(path, "is a link that does not lead to another file in the infra's folder")


def _check_text(path: PurePosixPath, content: bytes) -> None:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode()) + 1
        raise InvalidRequest(f"settings: {path}:{line}:{column}: this is not UTF-8") from None


@contextlib.contextmanager
def _open(name: str | Path, flags: int, folder: int | None, path: PurePosixPath) -> Iterator[int]:
    """Opens what is named in `folder`, and no link in its place."""
    with _reading(path):
        opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=folder)
    try:
        yield opened
    finally:
        os.close(opened)


@contextlib.contextmanager
def _reading(path: PurePosixPath) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _refusal(path, f"cannot be read: {error.strerror}") from None


def _refusal(path: PurePosixPath, what: str) -> InvalidRequest:
    return InvalidRequest(f"settings: {str(path)!r} {what}")
