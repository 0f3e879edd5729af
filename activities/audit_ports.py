"""The port behind which it is kept who did what, from where, and how it ended."""

from datetime import datetime
from typing import Protocol

from activities.ports import Page
from workflows.domain.resources import Frozen


class AuditEntry(Frozen):
    """A request that changes something, a login, or a request that was refused for who sent it."""

    id: str
    at: datetime
    """When the request came."""
    username: str | None = None
    """None where nobody is known; a name that no user has may be a mistyped secret, and is not kept."""
    roles: tuple[str, ...] = ()
    address: str
    method: str
    path: str
    """As in the contract, such as `/users/{username}`."""
    resources: dict[str, str] = {}
    """What it was about: ids and names from the path and the answer."""
    request_id: str
    status: int | None = None
    """HTTP status of the answer; None while it is under way, and for ever where the process died."""


class AuditLog(Protocol):
    """All methods raise Unavailable where the database is away."""

    async def keep(self, entry: AuditEntry) -> None:
        """Writes the entry, or writes it anew where one of its id is there."""

    async def page(
        self,
        *,
        since: datetime,
        until: datetime,
        username: str | None = None,
        path: str | None = None,
        limit: int,
        offset: int,
    ) -> Page[AuditEntry]:
        """Entries of `since` and later, before `until`; newest first."""
