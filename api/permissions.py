"""Who may do what: one line for each route."""

from collections.abc import Iterable, Sequence
from enum import IntEnum

from fastapi import APIRouter
from fastapi.routing import APIRoute

from activities.ports import User
from api.errors import Forbidden


class Role(IntEnum):
    """Each includes the ones before it."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


PUBLIC = None

MINIMAL_ROLE: dict[str, Role | None] = {
    "GET /health": PUBLIC,
    "GET /openapi.json": PUBLIC,
    "GET /docs": PUBLIC,
    "POST /auth/login": PUBLIC,
    "POST /batch/execute": Role.OPERATOR,
    "GET /batch/operations": Role.VIEWER,
    "GET /batch/operations/{batchId}": Role.VIEWER,
    "POST /batch/operations/{batchId}/cancel": Role.OPERATOR,
    "GET /tasks": Role.VIEWER,
    "GET /tasks/{taskId}": Role.VIEWER,
    "GET /state/workflows/{workflowId}/progress": Role.VIEWER,
    "GET /state/workflows/{workflowId}/snapshots": Role.VIEWER,
    "GET /inventory/servers": Role.VIEWER,
    "GET /inventory/effects": Role.VIEWER,
}


def names_of(routers: Iterable[APIRouter]) -> set[str]:
    """The routes as they stand in the table."""
    return {
        f"{method} {route.path}"
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
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
