"""What a provider of servers is to the activities: what each has to do, and what some can do besides."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from workflows.domain.resources import Server, ServerSpec


class ServerProvider(Protocol):
    """Makes and removes servers somewhere. All methods are idempotent."""

    @property
    def name(self) -> str: ...

    def check(self, spec: ServerSpec) -> None:
        """Refuses a plan or zone that does not exist, without asking anybody.

        Raises:
            InvalidRequest: saying which plans or zones there are.
        """

    async def create(self, spec: ServerSpec, owner: str) -> Server:
        """The server that `spec` names, reachable over SSH.

        Where one of that name exists already it is returned as it is: the caller sees by `Server.owner`
        whether it is its own. When the coroutine is cancelled it removes what it has begun.

        Raises:
            Conflict: one of that name exists with another plan or zone.
            Refused: the provider will not.
            Unavailable: the provider cannot, for now.
        """

    async def find(self, infra: str, name: str) -> Server | None:
        """The server of that name, whoever made it."""

    async def resume(self) -> None:
        """Starts what should run and does not, as after a reboot; what fails is tried at the next start."""

    async def delete(self, server: Server) -> None:
        """Removes the server without trace; one that is gone already is success.

        Raises:
            Conflict: the server of that name has another owner than `server.owner`.
            ActionFailed: it cannot be removed, and trying again will not help.
        """


@runtime_checkable
class AbandonsAttempts(Protocol):
    """What a provider may have besides, where two attempts at one name can each have made a server."""

    async def abandon(self, spec: ServerSpec, owner: str) -> None:
        """Removes whatever `owner` has made of `spec`, also where `find` gives another owner's server.

        Raises:
            ActionFailed: it cannot be removed, and trying again will not help.
        """


@runtime_checkable
class CallsOffDeletions(ServerProvider, Protocol):
    """What a provider may be besides, where a deletion can stop before the server is lost.

    At others a deletion that is cancelled is finished, and the server then made anew, without what was on it.
    """

    async def delete(self, server: Server, deletion: str | None = None) -> None:
        """As ever; `deletion` is the id of the action, where it can be called off.

        Raises:
            Conflict: also where this deletion has been called off: the attempt is late.
        """

    async def call_off(self, server: Server, deletion: str) -> bool:
        """Whether the server stays, as it was: what `deletion` had begun is set back, and it begins no more.

        False where it is too late, and the deletion has to be finished.

        Raises:
            Unavailable: nobody knows, or the server does not come up again, for now.
        """


class ServerProviders(Protocol):
    """The providers by name."""

    def names(self) -> Sequence[str]: ...

    def get(self, name: str) -> ServerProvider:
        """Raises InvalidRequest for an unknown name."""
