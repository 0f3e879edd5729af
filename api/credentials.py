"""What a request brought along to say who asks."""

from datetime import datetime
from typing import NamedTuple

from starlette.requests import HTTPConnection

from activities.ports import User
from api.errors import Unauthenticated

SUBPROTOCOL = "provisioning.events"
"""What a WebSocket speaks; a client that names its token as a subprotocol names this one too."""

_BEARER = "provisioning.bearer."


class Credential(NamedTuple):
    """A token that held when the request came, and whose it is."""

    token: str
    user: User
    expires_at: datetime


def token_of(connection: HTTPConnection, in_handshake: bool, cookie: str | None = None) -> str:
    """The token from the bearer header, or from a cookie where that is allowed.

    In a handshake it may also be in the query, or among the subprotocols.

    Raises:
        Unauthenticated: there is none.
    """
    if in_handshake:
        if token := connection.query_params.get("token", "").strip():
            return token
        for offered in connection.scope.get("subprotocols", ()):
            if offered.startswith(_BEARER):
                return str(offered.removeprefix(_BEARER))
    if cookie is not None and "authorization" not in connection.headers and cookie in connection.cookies:
        return connection.cookies[cookie]
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("send a bearer token; POST /auth/login gives one")
    return token.strip()
