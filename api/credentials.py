"""What a request brought along to say who asks."""

from datetime import datetime
from typing import NamedTuple

from starlette.requests import HTTPConnection

from activities.ports import User
from api.errors import Unauthenticated


class Credential(NamedTuple):
    """A token that held when the request came, and whose it is."""

    token: str
    user: User
    expires_at: datetime


def token_of(connection: HTTPConnection, in_query: bool, cookie: str | None = None) -> str:
    """The token from the bearer header, or from the query or a cookie where that is allowed.

    Raises:
        Unauthenticated: there is none.
    """
    if in_query and (token := connection.query_params.get("token", "").strip()):
        return token
    if cookie is not None and "authorization" not in connection.headers and cookie in connection.cookies:
        return connection.cookies[cookie]
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("send a bearer token; POST /auth/login gives one")
    return token.strip()
