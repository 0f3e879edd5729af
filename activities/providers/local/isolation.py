"""What a box and a process have in common, from the provider's point of view."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from activities.providers.local.folder import IsolationName, Record, ServerFolder
from workflows.domain.resources import Frozen


class Launch(Frozen):
    """A server's first process: how it is started."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path


class Isolation(Protocol):
    """One way in which a local server can be a machine of its own."""

    @property
    def name(self) -> IsolationName: ...

    @property
    def user(self) -> str:
        """Who logs in."""

    @property
    def image(self) -> str | None:
        """The base image that new servers get, where there is one."""

    def obstacle(self) -> str | None:
        """Why it does not work on this machine, in words; None if it does."""

    async def prepare(self, image: str | None) -> None:
        """Makes sure that what all servers need is there."""

    def furnish(self, folder: ServerFolder, record: Record) -> None:
        """Gives a new server's folder what it needs beside its keys."""

    def launch(self, folder: ServerFolder, record: Record) -> Launch: ...

    def strays(self, folder: ServerFolder) -> Sequence[int]:
        """Processes of the server that its first process does not take along when it dies."""
