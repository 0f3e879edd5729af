"""Who is there: logging in, the user behind a token, and the first admin."""

import asyncio
import logging
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from activities.ports import User, UserStore
from activities.settings import Settings
from api.errors import Unauthenticated
from api.security.attempts import LoginAttempts
from api.security.passwords import Passwords
from api.security.secret_files import kept_secret
from api.security.tokens import IssuedToken, Tokens
from workflows.domain.errors import ProvisioningError, Unavailable

log = logging.getLogger(__name__)

FRESH = 1.0
"""Seconds for which a user's roles and state are taken from memory."""
_MAX_CACHED = 10_000
_LONGEST_PAUSE = 2.0


class Login(NamedTuple):
    user: User
    issued: IssuedToken


class Accounts:
    """Users as they are in the store now; a token alone is worth nothing."""

    def __init__(
        self, users: UserStore, passwords: Passwords, tokens: Tokens, ready: Callable[[], bool]
    ) -> None:
        """`ready` says whether there is any user yet."""
        self._users = users
        self._ready = ready
        self._passwords = passwords
        self._tokens = tokens
        self._attempts = LoginAttempts()
        self._cache: OrderedDict[str, tuple[float, User | None]] = OrderedDict()

    async def login(self, username: str, password: str, address: str) -> Login:
        """The same answer, in the same time, for an unknown user, a wrong password and a disabled user.

        Raises:
            Unauthenticated: they do not fit.
            TooManyAttempts: they did not fit too often.
            Unavailable: the users cannot be read, or the first one is not made yet.
        """
        if not self._ready():
            raise Unavailable("the first admin is not made yet")
        self._attempts.require_room(username, address)
        user = await self._users.by_name(username)
        fits = await self._passwords.matches(password, user.password_hash if user else None)
        if user is None or not fits or user.disabled:
            self._attempts.failed(username, address)
            raise Unauthenticated("wrong username or password")
        return Login(user, self._tokens.issue(user.id))

    async def behind(self, token: str) -> User:
        """The user that a token speaks of.

        Raises:
            Unauthenticated: the token does not hold, or its user is gone or disabled.
            Unavailable: the users cannot be read.
        """
        user_id = self._tokens.user_of(token)
        user = await self._current(user_id) if user_id is not None else None
        if user is None or user.disabled:
            raise Unauthenticated("the token is not valid, or not any more")
        return user

    async def _current(self, user_id: str) -> User | None:
        now = time.monotonic()
        known = self._cache.get(user_id)
        if known is not None and known[0] > now:
            return known[1]
        user = await self._users.by_id(user_id)
        self._cache[user_id] = (now + FRESH, user)
        self._cache.move_to_end(user_id)
        while len(self._cache) > _MAX_CACHED:
            self._cache.popitem(last=False)
        return user


class FirstAdmin:
    """Makes the first user, where there is none."""

    def __init__(self, users: UserStore, passwords: Passwords, settings: Settings) -> None:
        self._users = users
        self._passwords = passwords
        self._name = settings.admin_username
        self._given = settings.admin_password
        self._file: Path = settings.state_dir / "admin-password"

    async def ensure(self) -> None:
        """Tries until the store has answered, however long it is away."""
        pause = 0.25
        while True:
            try:
                await self._make()
            except (ProvisioningError, OSError) as error:
                log.warning("the first admin has to wait: %s", error)
                await asyncio.sleep(pause)
                pause = min(_LONGEST_PAUSE, pause * 2)
            else:
                return

    async def _make(self) -> None:
        if await self._users.count() > 0:
            return
        # The file comes first: whoever dies after the user is made has left the password behind, and
        # processes that start together all read the same one.
        if self._given is None:
            password, made_now = kept_secret(self._file)
            origin = f"the password is in {self._file}"
        else:
            password, made_now = self._given.get_secret_value(), False
            origin = "the password is the one from the settings"
        user = User(
            id=str(uuid4()),
            username=self._name,
            email=f"{self._name}@localhost.localdomain",
            password_hash=await self._passwords.hash(password),
            roles=("admin",),
            created_at=datetime.now(UTC),
        )
        if await self._users.add(user):
            sys.stdout.write(f"first admin {self._name!r} made; {origin}\n")
            sys.stdout.flush()
        elif made_now:
            await self._withdraw(password)

    async def _withdraw(self, password: str) -> None:
        """Removes our file where a process with another state directory was first: it holds no password."""
        winner = await self._users.by_name(self._name)
        if winner is None or not await self._passwords.matches(password, winner.password_hash):
            self._file.unlink(missing_ok=True)
