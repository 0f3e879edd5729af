"""Who may do what: one line for each route."""

from collections.abc import Iterable, Sequence
from enum import IntEnum

from fastapi import APIRouter
from fastapi.routing import APIRoute, APIWebSocketRoute

from activities.ports import User
from api.errors import Forbidden


class Role(IntEnum):
    """Each includes the ones before it."""

    ANYBODY = 0
    """Whoever is logged in; nobody has to be given it."""
    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


PUBLIC = None

MINIMAL_ROLE: dict[str, Role | None] = {
    "GET /health": PUBLIC,
    "GET /health/live": PUBLIC,
    "GET /openapi.json": PUBLIC,
    "GET /docs": PUBLIC,
    "GET /redoc": PUBLIC,
    "GET /docs/files/{name}": PUBLIC,
    "GET /": PUBLIC,
    "GET /control-center/{path:path}": PUBLIC,
    "POST /auth/login": PUBLIC,
    "POST /auth/refresh": Role.ANYBODY,
    "GET /users": Role.ADMIN,
    "POST /users": Role.ADMIN,
    "PATCH /users/{username}": Role.ADMIN,
    "PUT /users/{username}/password": Role.ADMIN,
    "POST /users/{username}/mfa": Role.ADMIN,
    "POST /users/{username}/mfa/confirm": Role.ADMIN,
    "DELETE /users/{username}/mfa": Role.ADMIN,
    "POST /workflows/servers/create": Role.OPERATOR,
    "POST /workflows/taskserv/create": Role.OPERATOR,
    "POST /workflows/cluster/create": Role.OPERATOR,
    "POST /batch/execute": Role.OPERATOR,
    "GET /batch/operations": Role.VIEWER,
    "GET /batch/operations/{batchId}": Role.VIEWER,
    "POST /batch/operations/{batchId}/cancel": Role.OPERATOR,
    "GET /tasks": Role.VIEWER,
    "GET /tasks/{taskId}": Role.VIEWER,
    "POST /tasks/{taskId}/cancel": Role.OPERATOR,
    "GET /state/workflows/{workflowId}/progress": Role.VIEWER,
    "GET /state/workflows/{workflowId}/snapshots": Role.VIEWER,
    "POST /rollback/checkpoints": Role.OPERATOR,
    "POST /rollback/execute": Role.OPERATOR,
    "GET /rollback/checkpoints": Role.VIEWER,
    "GET /state/system/metrics": Role.VIEWER,
    "GET /state/system/health": Role.VIEWER,
    "GET /inventory/servers": Role.VIEWER,
    "GET /inventory/clusters": Role.VIEWER,
    "GET /inventory/effects": Role.VIEWER,
    "GET /locks": Role.VIEWER,
    "POST /inventory/rebuild": Role.ADMIN,
    "GET /metrics": Role.VIEWER,
    "GET /audit": Role.ADMIN,
    "POST /codec/decode": Role.OPERATOR,
    "POST /codec/encode": Role.OPERATOR,
    "POST /codec/session": Role.OPERATOR,
    "GET /ws": Role.VIEWER,
}

TOKEN_IN_HANDSHAKE = frozenset({"GET /ws"})
"""Where the token may be in the query or be a subprotocol: a browser can give a handshake no header."""

TOKEN_IN_COOKIE = frozenset({"POST /codec/decode", "POST /codec/encode"})
"""Where it may be in a cookie: a Temporal UI has no token of ours. Nothing is changed there."""

OPEN_TO_SCRAPERS = frozenset({"GET /metrics"})
"""Where the metrics token of the settings does as well: Prometheus cannot log in."""

UNAUDITED = frozenset({"POST /codec/decode", "POST /codec/encode"})
"""What only reads, though it is no GET."""


def names_of(routers: Iterable[APIRouter]) -> set[str]:
    """The routes as they stand in the table. A WebSocket is there by its handshake, which is a GET."""
    routes = [route for router in routers for route in router.routes]
    return {
        f"{method} {route.path}"
        for route in routes
        if isinstance(route, APIRoute | APIWebSocketRoute)
        for method in (route.methods or () if isinstance(route, APIRoute) else ("GET",))
    }


def require_complete(routers: Sequence[APIRouter]) -> None:
    """Refuses to start with a route that is not in the table, or with a line that means no route.

    Raises:
        RuntimeError: naming them.
    """
    routes = names_of(routers)
    missing, left_over = sorted(routes - MINIMAL_ROLE.keys()), sorted(MINIMAL_ROLE.keys() - routes)
    if missing or left_over:
        raise RuntimeError(f"permission table: missing {missing}, without a route {left_over}")


def require(user: User, needed: Role) -> None:
    """Raises Forbidden where none of the user's roles is enough. Unknown roles count for nothing."""
    held = max((Role[r.upper()] for r in user.roles if r.upper() in Role.__members__), default=0)
    if held < needed:
        raise Forbidden(f"this needs the role {needed.name.lower()}")
