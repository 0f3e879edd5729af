"""Profiles: which server, and who is logged in there. One file for each, in the user's config folder."""

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints, ValidationError

from api.cli.errors import WrongUsage

DEFAULT_PROFILE = "default"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_LONGEST_MARGIN = timedelta(minutes=5)


class Token(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    value: Annotated[str, StringConstraints(pattern=r"^[!-~]+$")]
    received_at: AwareDatetime
    expires_at: AwareDatetime

    def is_near_its_end(self, now: datetime) -> bool:
        """In the last quarter of its life, and in its last five minutes."""
        margin = min(_LONGEST_MARGIN, (self.expires_at - self.received_at) / 4)
        return self.expires_at - now < margin

    def __repr__(self) -> str:
        return f"Token(expires_at={self.expires_at.isoformat()})"

    __str__ = __repr__


class Profile(BaseModel):
    """`token` is None after a logout; the rest stays, for the next login. `roles` are those at the login."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    server: str
    username: str
    roles: tuple[str, ...] = ()
    token: Token | None = None


class Profiles:
    """The profiles in a folder. Whoever writes one holds its lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def of_user(cls, environ: Mapping[str, str]) -> Self:
        """Those under XDG_CONFIG_HOME, which counts if it is absolute, or else under ~/.config."""
        config = Path(environ.get("XDG_CONFIG_HOME", ""))
        if not config.is_absolute():
            try:
                config = Path.home() / ".config"
            except RuntimeError as error:
                raise WrongUsage(f"{error}; set XDG_CONFIG_HOME") from None
        return cls(config / "provisioning" / "profiles")

    def names(self) -> list[str]:
        """Of all profiles that there are. Raises WrongUsage where they cannot be listed."""
        try:
            found = sorted(path.stem for path in self._folder.glob("*.json"))
        except OSError as error:
            raise WrongUsage(f"cannot read {self._folder}: {error.strerror}") from None
        return [name for name in found if _NAME.fullmatch(name)]

    def read(self, name: str) -> Profile | None:
        """The profile, or None where there is none.

        Raises:
            WrongUsage: the name cannot be one, or the file cannot be read.
        """
        path = self._path(name)
        try:
            return Profile.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise WrongUsage(f"cannot read {path}: {error.strerror}") from None
        except ValidationError:
            raise WrongUsage(f"{path} is damaged: log in again, which writes it anew") from None

    def write(self, name: str, profile: Profile) -> None:
        """Replaces the profile at once: a reader sees the old one or the new one, also after a crash.

        To be called under the profile's lock: all writers share one draft, so none is left over.
        """
        path = self._path(name)
        draft = path.with_name(f".{name}.draft")
        try:
            # A draft of a writer that was killed may be there, with whatever mode.
            draft.unlink(missing_ok=True)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(profile.model_dump_json(indent=2) + "\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
            self._sync_folder()
        except OSError as error:
            raise WrongUsage(f"cannot write {path}: {error.strerror}") from None

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Keeps all other command lines from changing the profile; waits until they let it.

        The lock goes with its process, so one that is killed leaves none behind.
        """
        path = self._path(name).with_suffix(".lock")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise WrongUsage(f"cannot use {path}: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise WrongUsage(
                f"{name!r} is no name for a profile: "
                "use up to 64 letters, digits, dots, dashes and underscores, first a letter or digit"
            )
        return self._folder / f"{name}.json"

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def now() -> datetime:
    return datetime.now(UTC)
