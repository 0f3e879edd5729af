"""What admins do with users: make them, change them, disable them, and their second factors."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import uuid4

from activities.ports import User, UserStore
from api.last_admin import LastAdmin, administers
from api.security.passwords import Passwords
from api.security.second_factor import new_secret, provisioning_uri, step_of
from api.security.secret_box import SecretBox
from workflows.domain.errors import Conflict, InvalidRequest, NotFound, Unavailable

_MAX_ATTEMPTS = 10


class Enrolment(NamedTuple):
    secret: str
    uri: str


class UserAdministration:
    """Each change is written only over the user that it was made from, so none is lost."""

    def __init__(self, users: UserStore, passwords: Passwords, box: SecretBox) -> None:
        self._users = users
        self._last_admin = LastAdmin(users)
        self._passwords = passwords
        self._box = box

    async def all(self) -> Sequence[User]:
        return await self._users.all()

    async def create(self, username: str, password: str, email: str | None, roles: Sequence[str]) -> User:
        """Raises Conflict where the name is taken."""
        user = User(
            id=str(uuid4()),
            username=username,
            email=email or _local_address(username),
            password_hash=await self._passwords.hash(password),
            roles=_distinct(roles),
            created_at=datetime.now(UTC),
        )
        if not await self._users.add(user):
            raise Conflict(f"there is a user {username!r} already")
        return user

    async def change(
        self,
        username: str,
        *,
        roles: Sequence[str] | None = None,
        disabled: bool | None = None,
        email: str | None = None,
    ) -> User:
        """What is None stays. A user who is disabled is logged out everywhere.

        Raises:
            NotFound: there is no such user.
            Conflict: nobody would be left to administer the service.
        """

        def changed(user: User) -> User:
            off = user.disabled if disabled is None else disabled
            return user.model_copy(
                update={
                    "roles": user.roles if roles is None else _distinct(roles),
                    "email": email or user.email,
                    "disabled": off,
                    "token_version": user.token_version + int(off and not user.disabled),
                }
            )

        for _ in range(_MAX_ATTEMPTS):
            user: User | None = await self._existing(username)
            if user is not None and administers(user) and not administers(changed(user)):
                user = await self._last_admin.let_go(user)
            after = await self._written(changed(user)) if user is not None else None
            if after is not None:
                return after
        raise _contended(username)

    async def set_password(self, username: str, password: str) -> User:
        """The user is logged out everywhere. Raises NotFound."""
        password_hash = await self._passwords.hash(password)
        return await self._replace(username, lambda user: _anew(user, password_hash=password_hash))

    async def start_mfa(self, username: str) -> Enrolment:
        """A secret that counts once a code has confirmed it; one before it is forgotten. Raises NotFound."""
        secret = new_secret()
        sealed = self._box.seal(secret)
        await self._replace(username, lambda user: user.model_copy(update={"mfa_candidate": sealed}))
        return Enrolment(secret, provisioning_uri(secret, username))

    async def confirm_mfa(self, username: str, code: str) -> User:
        """From now on a login needs a code; this one is used up. The user is logged out everywhere.

        Raises:
            NotFound: there is no such user.
            Conflict: nothing waits to be confirmed.
            InvalidRequest: the code is another.
        """

        def confirmed(user: User) -> User:
            if user.mfa_candidate is None:
                raise Conflict(f"{username!r} has no second factor to confirm; start with POST .../mfa")
            step = step_of(self._box.open(user.mfa_candidate), code, after=0)
            if step is None:
                raise InvalidRequest("code: it is not the one that the authenticator shows now")
            return _anew(user, mfa_secret=user.mfa_candidate, mfa_candidate=None, mfa_last_step=step)

        return await self._replace(username, confirmed)

    async def remove_mfa(self, username: str) -> User:
        """The user is logged out everywhere, if there was one. Raises NotFound."""

        def removed(user: User) -> User:
            without = {"mfa_secret": None, "mfa_candidate": None, "mfa_last_step": 0}
            return _anew(user, **without) if user.mfa_secret else user.model_copy(update=without)

        return await self._replace(username, removed)

    async def _replace(self, username: str, change: Callable[[User], User]) -> User:
        for _ in range(_MAX_ATTEMPTS):
            after = await self._written(change(await self._existing(username)))
            if after is not None:
                return after
        raise _contended(username)

    async def _existing(self, username: str) -> User:
        user = await self._users.by_name(username)
        if user is None:
            raise NotFound(f"there is no user {username!r}")
        return user

    async def _written(self, changed: User) -> User | None:
        """The user as it is kept now; None where somebody else was quicker."""
        # Any change ends a leaving that is under way: whoever began it sees the new revision.
        changed = changed.model_copy(update={"leaving_since": None})
        written = await self._users.replace(changed)
        return changed.model_copy(update={"revision": changed.revision + 1}) if written else None


def _contended(username: str) -> Unavailable:
    return Unavailable(f"user {username!r} is being changed by others; try again")


def _anew(user: User, **changes: object) -> User:
    """The user with changes that make all tokens void."""
    return user.model_copy(update={**changes, "token_version": user.token_version + 1})


def _distinct(roles: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(roles))


def _local_address(username: str) -> str:
    """Dots stand between two other characters there."""
    return f"{re.sub(r'[.]+', '.', username.partition('@')[0][:64]).strip('.')}@localhost.localdomain"
