"""Bearer tokens: JWTs that say who somebody is, and nothing of what they may."""

import secrets
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

from jose import jwt
from jose.exceptions import JOSEError

from api.security.keyring import Keyring

ALGORITHM = "HS256"
ISSUER = "provisioning"
AUDIENCE = "provisioning-api"

_CLOCK_DRIFT = 5
"""Seconds by which the clocks of two API processes may differ."""

_REQUIRED = {f"require_{claim}": True for claim in ("iss", "aud", "exp", "iat", "jti", "sub")}


class IssuedToken(NamedTuple):
    token: str
    expires_at: datetime


class Claims(NamedTuple):
    """What a token that holds says."""

    user_id: str
    user_version: int
    """Void where the user's `token_version` is another."""
    token_id: str
    expires_at: datetime
    logged_in_at: datetime
    """When the user last gave a password; refreshing does not change it."""


class Tokens:
    """Issues and reads tokens. Roles are not in them, so that a change of roles works at once."""

    def __init__(self, keys: Keyring, lifetime: int, session_lifetime: int) -> None:
        """`lifetime` of a token, and `session_lifetime` from a login on, are in seconds."""
        self._keys = keys
        self._lifetime = lifetime
        self._session = session_lifetime

    def issue(self, user_id: str, user_version: int, logged_in_at: datetime | None = None) -> IssuedToken:
        """A new token; one that continues a session ends with it.

        Raises:
            ValueError: the session has ended.
        """
        now = int(time.time())
        begun = int(logged_in_at.timestamp()) if logged_in_at else now
        expires = min(now + self._lifetime, begun + self._session)
        if expires <= now:
            raise ValueError("the session has ended")
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "ver": user_version,
            "auth_time": begun,
            "iat": now,
            "exp": expires,
            "jti": secrets.token_hex(16),
        }
        key = self._keys.signing
        token = jwt.encode(claims, key.secret, algorithm=ALGORITHM, headers={"kid": key.id})
        return IssuedToken(token, _time(expires))

    def read(self, token: str) -> Claims | None:
        """What the token says, or None for one that is not ours, not whole, or not valid now."""
        try:
            return _claims(self._verified(token))
        except (JOSEError, LookupError, TypeError, ValueError, OverflowError):
            return None

    def _verified(self, token: str) -> dict[str, Any]:
        token.encode("ascii")  # raises ValueError
        key = self._keys.find(jwt.get_unverified_header(token).get("kid"))
        if key is None:
            raise LookupError("signed with a key that is not ours, or not any more")
        return jwt.decode(
            token, key.secret, algorithms=[ALGORITHM], audience=AUDIENCE, issuer=ISSUER, options=_REQUIRED
        )


def _claims(claims: dict[str, Any]) -> Claims:
    # jose checks that `iat` is a number, and not that it has come,
    # and it lets a token pass for the whole second in which it expires.
    now = time.time()
    if claims["aud"] != AUDIENCE or int(claims["iat"]) > now + _CLOCK_DRIFT or int(claims["exp"]) <= now:
        raise ValueError("not for us, not yet, or not any more")
    return Claims(
        user_id=str(claims["sub"]),
        user_version=int(claims["ver"]),
        token_id=str(claims["jti"]),
        expires_at=_time(claims["exp"]),
        logged_in_at=_time(claims["auth_time"]),
    )


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
