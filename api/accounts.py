"""Who is there: logging in, staying logged in, and the user behind a token."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from activities.login_ports import RevokedTokenStore
from activities.ports import User, UserStore
from api.errors import Unauthenticated
from api.security.attempts import LoginAttempts
from api.security.passwords import Passwords
from api.security.second_factor import step_of
from api.security.secret_box import SecretBox
from api.security.tokens import Claims, IssuedToken, Tokens
from workflows.domain.errors import Unavailable

FRESH = 0.5
"""Seconds for which a token's user, with roles and state, is taken from memory."""
_MAX_CACHED = 10_000
_PARALLEL_LOGINS = 4
"""Each counts as failed while it is under way; more at once could keep out those that are right."""
_REFUSED = "wrong username or password, or the right mfa_code is missing"
_VOID = "the token is not valid, or not any more"


class Login(NamedTuple):
    user: User
    issued: IssuedToken


class Authenticated(NamedTuple):
    """Who a token speaks of, and until when."""

    user: User
    expires_at: datetime


class _Known(NamedTuple):
    fresh_until: float
    user: User | None
    """None where the token is void."""


class Accounts:
    """Users as they are in the store now; a token alone is worth nothing."""

    def __init__(
        self,
        *,
        users: UserStore,
        revoked: RevokedTokenStore,
        attempts: LoginAttempts,
        passwords: Passwords,
        tokens: Tokens,
        box: SecretBox,
        ready: Callable[[], bool],
    ) -> None:
        """`ready` says whether there is any user yet."""
        self._users = users
        self._revoked = revoked
        self._attempts = attempts
        self._passwords = passwords
        self._tokens = tokens
        self._box = box
        self._ready = ready
        self._logins = asyncio.Semaphore(_PARALLEL_LOGINS)
        self._cache: OrderedDict[Claims, _Known] = OrderedDict()

    async def login(self, username: str, password: str, code: str | None, address: str) -> Login:
        """The same answer, in the same time, for an unknown user, a wrong password, a wrong or a missing code
        and a disabled user.

        Raises:
            Unauthenticated: they do not fit.
            TooManyAttempts: they did not fit too often.
            Unavailable: the users cannot be read, or the first one is not made yet.
        """
        if not self._ready():
            raise Unavailable("the first admin is not made yet")
        async with self._logins:
            attempt = await self._attempts.begin(username, address)
            user = await self._users.by_name(username)
            fits = await self._passwords.matches(password, user.password_hash if user else None)
            if user is None or not fits or user.disabled or not await self._second_factor(user, code):
                raise Unauthenticated(_REFUSED)
            await self._attempts.succeeded(attempt)
        return Login(user, self._tokens.issue(user.id, user.token_version))

    async def refresh(self, user: User, token: str) -> IssuedToken:
        """Exchanges a token of `user` for a new one. The old one is void from then on.

        Raises:
            Unauthenticated: the token does not hold, is another user's, or its session has ended.
            Unavailable: the users cannot be read.
        """
        claims = self._tokens.read(token)
        if claims is None or claims.user_id != user.id or await self._behind(claims) is None:
            raise Unauthenticated(_VOID)
        try:
            issued = self._tokens.issue(user.id, claims.user_version, claims.logged_in_at)
        except ValueError:
            raise Unauthenticated("the session has ended; log in again") from None
        if not await self._revoked.revoke(claims.token_id, claims.expires_at):
            raise Unauthenticated(_VOID)
        self._cache.pop(claims, None)
        return issued

    async def behind(self, token: str) -> Authenticated:
        """The user that a token speaks of. Asked again, it notices within a second that the token is void.

        Raises:
            Unauthenticated: the token does not hold, or its user is gone or disabled.
            Unavailable: the users cannot be read.
        """
        claims = self._tokens.read(token)
        user = await self._behind(claims) if claims is not None else None
        if claims is None or user is None:
            raise Unauthenticated(_VOID)
        return Authenticated(user, claims.expires_at)

    async def _behind(self, claims: Claims) -> User | None:
        now = time.monotonic()
        known = self._cache.get(claims)
        if known is not None and known.fresh_until > now:
            return known.user
        user = await self._look_up(claims)
        self._cache[claims] = _Known(now + FRESH, user)
        self._cache.move_to_end(claims)
        while len(self._cache) > _MAX_CACHED:
            self._cache.popitem(last=False)
        return user

    async def _look_up(self, claims: Claims) -> User | None:
        user, revoked = await asyncio.gather(
            self._users.by_id(claims.user_id), self._revoked.is_revoked(claims.token_id)
        )
        if user is None or revoked or user.disabled or user.token_version != claims.user_version:
            return None
        return user

    async def _second_factor(self, user: User, code: str | None) -> bool:
        """Whether the code is right, where the user needs one. It is used up by being right."""
        while user.mfa_secret is not None:
            try:
                secret = self._box.open(user.mfa_secret)
            except Unavailable:
                # The log says why. Another answer than the usual one would tell that the password was right.
                return False
            step = step_of(secret, code or "", after=user.mfa_last_step)
            if step is None:
                return False
            if await self._users.replace(user.model_copy(update={"mfa_last_step": step})):
                return True
            # Somebody changed the user meanwhile, perhaps by this very code.
            changed = await self._users.by_id(user.id)
            if changed is None or changed.disabled or changed.token_version != user.token_version:
                return False
            user = changed
        return True
