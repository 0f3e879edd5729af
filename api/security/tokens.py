"""Bearer tokens: JWTs that say who somebody is, and nothing of what they may."""

import secrets
import time
from datetime import UTC, datetime
from typing import NamedTuple

from jose import jwt
from jose.exceptions import JOSEError

ALGORITHM = "HS256"
ISSUER = "provisioning"
AUDIENCE = "provisioning-api"
MIN_SECRET_BYTES = 32

_REQUIRED = {f"require_{claim}": True for claim in ("iss", "aud", "exp", "iat", "jti", "sub")}


class IssuedToken(NamedTuple):
    token: str
    expires_at: datetime


class Tokens:
    """Issues and reads tokens. Roles are not in them, so that a change of roles works at once."""

    def __init__(self, secret: str, lifetime: int) -> None:
        """`lifetime` is in seconds.

        Raises:
            ValueError: the secret has fewer than 32 bytes.
        """
        if len(secret.encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"the JWT secret must have at least {MIN_SECRET_BYTES} bytes")
        self._secret = secret
        self._lifetime = lifetime

    def issue(self, user_id: str) -> IssuedToken:
        now = int(time.time())
        expires = now + self._lifetime
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "iat": now,
            "exp": expires,
            "jti": secrets.token_hex(16),
        }
        token = jwt.encode(claims, self._secret, algorithm=ALGORITHM)
        return IssuedToken(token, datetime.fromtimestamp(expires, UTC))

    def user_of(self, token: str) -> str | None:
        """The user's id, or None for a token that is not ours, not whole, or not valid now."""
        if not token.isascii():
            return None
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options=_REQUIRED,
            )
        except JOSEError:
            return None
        # jose checks that `iat` is a number, and not that it has come.
        if claims["aud"] != AUDIENCE or int(claims["iat"]) > time.time() + 60:
            return None
        return str(claims["sub"])
