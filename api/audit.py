"""Who did what: an entry for each request that changes something, each login, and each that is refused.

The entry is there before anything is done, so nothing can be done without one: where it cannot be written the
request is refused with 503. It gets its outcome before the answer is sent; where that cannot be written, it
stands in the service's log, and the entry stays without one, as after the death of the process.
"""

import logging
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from starlette.datastructures import State
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from activities.audit_ports import AuditEntry, AuditLog
from activities.ports import User, UserStore
from api.permissions import UNAUDITED
from api.request_ids import request_id
from workflows.domain.errors import Unavailable

log = logging.getLogger(__name__)

LOGIN = "POST /auth/login"
_REFUSALS = frozenset({401, 403, 429})
_KEY = "audit_trail"

STRANGERS = 100
"""Entries a minute, of one process, for what is refused to nobody we know, or to whoever tries too often:
they are kept for a year, and anybody could fill the database with them."""

T = TypeVar("T")


@dataclass
class Trail:
    """What becomes known of a request in its course."""

    address: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    route: str = ""
    """As in the permission table; empty where there is none."""
    user: User | None = None
    claimed: str | None = None
    """The name of a login that was not let in."""
    resources: dict[str, str] = field(default_factory=dict)
    begun: bool = False

    def about(self, name: str, value: T) -> T:
        """Notes an id or a name, and hands it on."""
        self.resources[name] = str(value)
        return value

    def entry(self, status: int | None) -> AuditEntry:
        method, _, path = self.route.partition(" ")
        return AuditEntry(
            id=self.id,
            at=self.at,
            username=self.user.username if self.user else None,
            roles=self.user.roles if self.user else (),
            address=self.address,
            method=method,
            path=path,
            resources=self.resources,
            request_id=request_id.get(),
            status=status,
        )


def trail_of(scope: Mapping[str, Any]) -> Trail:
    """The trail of the request that is being served."""
    trail = scope[_KEY]
    if not isinstance(trail, Trail):
        raise RuntimeError("the request has no trail: the middleware is missing")
    return trail


class _Allowance:
    """So many in each minute of the clock."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._minute, self._taken = 0, 0

    def take(self) -> bool:
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            self._minute, self._taken = minute, 0
        self._taken += 1
        if self._taken == self._most + 1:
            log.warning("more than %d requests refused in a minute: the others get no entry", self._most)
        return self._taken <= self._most


class Audit:
    """Writes the entries."""

    def __init__(self, entries: AuditLog, users: UserStore, strangers: int = STRANGERS) -> None:
        self._entries = entries
        self._users = users
        self._strangers = _Allowance(strangers)

    async def begin(self, trail: Trail) -> None:
        """Before anything is done that is worth an entry. Raises Unavailable where it cannot be written."""
        changes = not trail.route.startswith("GET ") and trail.route not in UNAUDITED
        # A login has its entry when it is known whose it is.
        if changes and (trail.route != LOGIN or trail.user is not None):
            await self._entries.keep(trail.entry(None))
            trail.begun = True

    async def finish(self, trail: Trail, status: int) -> None:
        """Before the answer is sent."""
        if not trail.begun and not _is_refused(trail, status):
            return
        try:
            if trail.claimed is not None and trail.user is None:
                trail.user = await self._users.by_name(trail.claimed)
            is_strangers = not trail.begun and (trail.user is None or status == 429)
            if is_strangers and not self._strangers.take():
                return
            await self._entries.keep(trail.entry(status))
        except Unavailable as error:
            entry = trail.entry(status).model_dump_json()
            log.error("the audit log has no outcome of this request (%s): %s", error.message, entry)


def _is_refused(trail: Trail, status: int) -> bool:
    """Whether it was about who sent it. What reads without a token that holds is nobody's, and no entry."""
    known = trail.user is not None or not trail.route.startswith("GET ")
    return bool(trail.route) and known and status in _REFUSALS


class AuditMiddleware:
    """Gives each request a trail, and has its outcome written."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        """`state` is the application's, where the services are once it has started."""
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        trail = scope[_KEY] = Trail(address=client[0] if client else "unknown")
        answered = False

        async def noted(message: Message) -> None:
            nonlocal answered
            if message["type"] in ("http.response.start", "websocket.http.response.start") and not answered:
                answered = True
                await self._finish(trail, message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception:
            if not answered:
                await self._finish(trail, 500)
            raise

    async def _finish(self, trail: Trail, status: int) -> None:
        if trail.route:
            await self._state.services.audit.finish(trail, status)
