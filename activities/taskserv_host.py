"""The port to the task services of a server, which itself remembers what is installed and what was begun."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Protocol

from activities.catalogue.catalogue import Entry
from activities.ports import LogSink
from workflows.domain.actions import Cause
from workflows.domain.resources import Frozen, Params, Server


class Installation(Frozen):
    """What a server remembers of a task service that is installed on it."""

    name: str
    params: Params
    owner: str
    """Id of the effect that installed it."""

    def to_text(self) -> str:
        """The same text for the same content."""
        ordered = self.model_copy(update={"params": dict(sorted(self.params.items()))})
        return ordered.model_dump_json()


class Attempt(Frozen):
    """One generation of an action: from its first attempt until it has a result or is taken back."""

    key: str
    generation: int
    before: Installation | None = None
    """What was installed when the generation began."""
    failed: bool = False
    """Whether its job ended badly, and what it found has yet to be brought back."""

    @property
    def job_id(self) -> str:
        return f"{self.key}.{self.generation}"


class Errand(StrEnum):
    """What a job does."""

    INSTALL = "install"
    REMOVE = "remove"
    RESTART = "restart"
    UNDO = "undo"
    """Takes back what an INSTALL or REMOVE did, as far as it came."""
    REVIVE = "revive"
    """Brings up what a RESTART that was cut off may have left down."""


class Work(Frozen):
    """A job for a server: how the task service is to be set up, or was."""

    errand: Errand
    job_id: str
    server: Server
    cause: Cause
    before: Installation | None
    after: Installation | None
    params: Params
    start_timeout: int
    """Seconds in which the service must answer."""
    hosts: dict[str, tuple[str, ...]] = {}
    """By parameter that names servers, their addresses."""
    invitation: str = ""
    """For a service that joins another server's: what that one invites with. A secret."""
    undoes: str = ""
    """For UNDO and REVIVE: the job whose doings are taken back."""


class Verdict(StrEnum):
    DONE = "done"
    CHANGED = "changed"
    """Nothing was done: somebody else changed the service since the attempt began."""
    NEEDED = "needed"
    """Nothing was done: other services need this one."""
    FAILED = "failed"
    LATER = "later"
    """It was cut off or cannot be done for now; doing it again goes on with it."""


class Report(Frozen):
    verdict: Verdict
    tail: str
    """The job's last words."""


class TaskservHost(Protocol):
    """Works on servers. Every method may be repeated, and raises Unavailable where the server is away."""

    async def begin(self, server: Server, name: str, key: str) -> Attempt:
        """The open attempt at action `key`; begun now, if there is none."""

    async def peek(self, server: Server, name: str, key: str) -> Attempt | None:
        """The open attempt at action `key`, if there is one."""

    async def close(self, server: Server, name: str, attempt: Attempt) -> None:
        """The attempt has been taken back: the next `begin` looks anew."""

    async def perform(self, work: Work, entry: Entry, log: LogSink) -> Report:
        """Does the work, or goes on with it. What has been done is not done twice."""

    async def installed(self, server: Server) -> Mapping[str, Installation]:
        """What the server remembers to be installed, by name. Changes nothing there."""

    async def answering(self, server: Server, ports: Mapping[str, int]) -> Collection[str]:
        """Those of the named ports that take connections on the server. Changes nothing there."""

    async def invitation(self, server: Server, name: str) -> str | None:
        """What the task service there left for others to join it; None where it left nothing. A secret."""

    async def stop(self, server: Server, job_id: str) -> None:
        """Ends the job with all its processes, and keeps it from starting."""
