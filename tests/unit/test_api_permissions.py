"""Every route has its line in the table, and every line means what it says."""

from datetime import UTC, datetime

import pytest
import yaml
from fastapi import APIRouter

from activities.ports import User
from api.errors import Forbidden
from api.openapi import CONTRACT
from api.permissions import MINIMAL_ROLE, PUBLIC, Role, names_of, require, require_complete
from api.routes import ROUTERS


def user(*roles: str) -> User:
    return User(id="1", username="u", email="", password_hash="", roles=roles, created_at=datetime.now(UTC))


def test_the_table_and_the_routes_are_the_same() -> None:
    assert names_of(ROUTERS) == MINIMAL_ROLE.keys()


def test_a_route_that_is_not_in_the_table_prevents_the_start() -> None:
    router = APIRouter()

    @router.get("/secret")
    async def secret() -> None: ...

    with pytest.raises(RuntimeError, match="GET /secret"):
        require_complete([*ROUTERS, router])


def test_a_line_without_a_route_prevents_the_start() -> None:
    with pytest.raises(RuntimeError, match="GET /health"):
        require_complete(ROUTERS[1:])


def test_what_the_contract_leaves_public_is_public_and_nothing_else_of_it() -> None:
    contract = yaml.safe_load(CONTRACT.read_text())
    for path, item in contract["paths"].items():
        for method, operation in item.items():
            name = f"{method.upper()} {path}"
            if name in MINIMAL_ROLE:
                assert (MINIMAL_ROLE[name] is PUBLIC) == (operation.get("security") == []), name


def test_what_changes_something_needs_more_than_a_viewer() -> None:
    for name, role in MINIMAL_ROLE.items():
        if not name.startswith("GET ") and "/auth/" not in name:
            assert role is not None and role > Role.VIEWER, name


@pytest.mark.parametrize(
    ("roles", "highest"),
    [
        (("viewer",), Role.VIEWER),
        (("operator",), Role.OPERATOR),
        (("admin",), Role.ADMIN),
        (("viewer", "admin"), Role.ADMIN),
        (("unheard-of", "operator"), Role.OPERATOR),
        (("unheard-of",), None),
        ((), None),
    ],
)
def test_a_role_includes_the_ones_below(roles: tuple[str, ...], highest: Role | None) -> None:
    require(user(*roles), Role.ANYBODY)
    for needed in (Role.VIEWER, Role.OPERATOR, Role.ADMIN):
        if highest is not None and needed <= highest:
            require(user(*roles), needed)
        else:
            with pytest.raises(Forbidden, match=needed.name.lower()):
                require(user(*roles), needed)
