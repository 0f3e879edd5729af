"""Infras: folders below one root, each with the settings files that describe what belongs in it."""

from pathlib import Path, PurePosixPath
from typing import Protocol

from workflows.domain.errors import InvalidRequest
from workflows.domain.infras import InfraSpec

_MAX_LISTED = 20
"""Infras that an error names."""


class InfraSettings(Protocol):
    """Reads settings files, however they are written."""

    async def load(self, infra: str, settings: str) -> InfraSpec:
        """What an infra's settings file describes.

        Raises:
            InvalidRequest: the path or the file is wrong; the message begins with `settings: ` or `infra: `.
            Unavailable: it cannot be read for now.
        """


class Infras:
    """Finds settings files, and lets no path lead out of its infra's folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> list[str]:
        """Every infra there is; none where the root does not exist."""
        if not self._root.is_dir():
            return []
        return sorted(p.name for p in self._root.iterdir() if p.is_dir() and not p.name.startswith("."))

    def folder(self, infra: str) -> Path:
        """Raises InvalidRequest for an infra that is not there, with those that are."""
        names = self.names()
        if infra not in names:
            known = ", ".join(names[:_MAX_LISTED]) or "none yet"
            raise InvalidRequest(f"infra: there is no infra {infra!r}; there are: {known}")
        return self._root / infra

    def settings_file(self, infra: str, settings: str) -> Path:
        """The file with an infra's settings, which exists and lies in the infra's folder.

        Raises:
            InvalidRequest: saying whether `infra` or `settings` is wrong, and how.
        """
        check_relative(settings)
        folder = self.folder(infra).resolve()
        try:
            file = (folder / settings).resolve()
            inside = file.is_relative_to(folder)
            found = inside and file.is_file()
        except (OSError, RuntimeError):  # too long for a name, not to be read, or links in a circle
            inside, found = True, False
        if not inside:
            raise InvalidRequest(f"settings: {settings!r} leads out of the infra's folder")
        if not found:
            raise InvalidRequest(f"settings: infra {infra!r} has no file {settings!r}")
        return file


def check_relative(settings: str) -> None:
    """Raises InvalidRequest for a path that is absolute or goes upwards."""
    if settings.startswith(("/", "~")) or "\\" in settings or "\0" in settings:
        raise InvalidRequest(f"settings: {settings!r} is not a path relative to the infra's folder")
    if ".." in PurePosixPath(settings).parts:
        raise InvalidRequest("settings: '..' is not allowed in the path")
