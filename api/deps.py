"""What routes ask for, as types: the parts behind them, and who is asking."""

import hmac
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from starlette.requests import HTTPConnection

from activities.ports import User
from activities.settings import Settings
from api.audit import Trail, trail_of
from api.codec import COOKIE
from api.credentials import Credential, token_of
from api.idempotency import KEY, EachTime, Once, OnceForKey, claim_id
from api.lifespan import Services
from api.permissions import MINIMAL_ROLE, OPEN_TO_SCRAPERS, TOKEN_IN_COOKIE, TOKEN_IN_HANDSHAKE, require
from workflows.domain.errors import InvalidRequest


def _services(connection: HTTPConnection) -> Services:
    services = connection.app.state.services
    if not isinstance(services, Services):
        raise RuntimeError("the application was not started")
    return services


ServicesDep = Annotated[Services, Depends(_services)]


async def authorize(connection: HTTPConnection, services: ServicesDep) -> None:
    """Runs before every route: who asks, and whether the table lets them.

    Raises:
        Unauthenticated: there is no valid bearer token.
        Forbidden: the user's role is not enough.
        Unavailable: it cannot be written down who does this, so it is not done.
    """
    trail = trail_of(connection.scope)
    name = f"{connection.scope.get('method', 'GET')} {connection.scope['route'].path}"
    trail.route = name
    for parameter, value in connection.path_params.items():
        trail.about(parameter, value)
    needed = MINIMAL_ROLE[name]
    if needed is None:
        return
    token = token_of(
        connection,
        in_handshake=name in TOKEN_IN_HANDSHAKE,
        cookie=COOKIE if name in TOKEN_IN_COOKIE else None,
    )
    if name in OPEN_TO_SCRAPERS and _is_metrics_token(token, services.settings):
        return
    authenticated = await services.accounts.behind(token)
    trail.user = authenticated.user
    require(authenticated.user, needed)
    await services.audit.begin(trail)
    connection.state.credential = Credential(token, authenticated.user, authenticated.expires_at)


def _is_metrics_token(token: str, settings: Settings) -> bool:
    known = settings.metrics_token
    return known is not None and hmac.compare_digest(token.encode(), known.get_secret_value().encode())


def _credential(connection: HTTPConnection) -> Credential:
    credential = connection.state.credential
    if not isinstance(credential, Credential):
        raise RuntimeError("a public route asked for its user")
    return credential


CredentialDep = Annotated[Credential, Depends(_credential)]
"""The token that was sent, and whose it is."""


def _user(credential: CredentialDep) -> User:
    return credential.user


CurrentUser = Annotated[User, Depends(_user)]


def _trail(connection: HTTPConnection) -> Trail:
    return trail_of(connection.scope)


TrailDep = Annotated[Trail, Depends(_trail)]
"""Where a route notes what the request turned out to be about."""

Key = Annotated[
    str | None,
    Header(alias=KEY, min_length=1, max_length=255, pattern=r"^[!-~]([ -~]*[!-~])?$"),
]


async def _once(
    request: Request, response: Response, user: CurrentUser, services: ServicesDep, key: Key = None
) -> Once:
    """Stands before the body among a route's parameters: a key of another body is told first.

    Raises:
        InvalidRequest: there is more than one key.
        Conflict: the key was used with another body or query.
        Unavailable: the database is away.
    """
    if key is None:
        return EachTime()
    if len(request.headers.getlist(KEY)) > 1:
        raise InvalidRequest(f"{KEY}: send one")
    identity = claim_id(user.id, request.method, request.scope["path"], key)
    query = request.url.query.encode()
    return await OnceForKey.of(
        services.stores.claims, identity, await request.body(), query, response.headers
    )


OnceDep = Annotated[Once, Depends(_once)]
"""How a route that starts something does it once for each `Idempotency-Key`."""
