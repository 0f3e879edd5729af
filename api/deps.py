"""What routes ask for, as types: the parts behind them, and who is asking."""

from typing import Annotated

from fastapi import Depends, Request

from activities.ports import User
from api.errors import Unauthenticated
from api.lifespan import Services
from api.permissions import MINIMAL_ROLE, require


def _services(request: Request) -> Services:
    services = request.app.state.services
    if not isinstance(services, Services):
        raise RuntimeError("the application was not started")
    return services


ServicesDep = Annotated[Services, Depends(_services)]


async def authorize(request: Request, services: ServicesDep) -> None:
    """Runs before every route: who asks, and whether the table lets them.

    Raises:
        Unauthenticated: there is no valid bearer token.
        Forbidden: the user's role is not enough.
    """
    needed = MINIMAL_ROLE[f"{request.method} {request.scope['route'].path}"]
    if needed is None:
        return
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("send a bearer token; POST /auth/login gives one")
    user = await services.accounts.behind(token.strip())
    require(user, needed)
    request.state.user = user


def _user(request: Request) -> User:
    user = request.state.user
    if not isinstance(user, User):
        raise RuntimeError("a public route asked for its user")
    return user


CurrentUser = Annotated[User, Depends(_user)]
