"""Somebody who may administer stays, whoever is taken away, and by however many at once.

There is no transaction over two users. So whoever takes an admin away first marks them as leaving, and then
looks for another admin who is not leaving; of two who would take away each other's last one, at least one
sees the other's mark. The admin stays one until the change itself is written, so nobody is missing if the
process dies in between. A mark that such a death left behind is taken off again by whoever it stands in the
way of; where its owner lives after all, their write finds another revision and begins anew.
"""

from datetime import UTC, datetime, timedelta

from activities.ports import User, UserStore
from workflows.domain.errors import Conflict

_ADMIN = "admin"
_LEFT_BEHIND = timedelta(seconds=30)
"""After this time a mark is taken for one whose owner has died."""


def administers(user: User) -> bool:
    return _ADMIN in user.roles and not user.disabled


class LastAdmin:
    """Decides whether an admin may go."""

    def __init__(self, users: UserStore) -> None:
        self._users = users

    async def let_go(self, admin: User) -> User | None:
        """The admin as they stand now, marked as leaving; None where users changed meanwhile: begin anew.

        Raises:
            Conflict: nobody else is left to administer.
        """
        now = datetime.now(UTC)
        if not await self._users.replace(admin.model_copy(update={"leaving_since": now})):
            return None
        marked = admin.model_copy(update={"leaving_since": now, "revision": admin.revision + 1})
        others = [user for user in await self._users.all() if administers(user) and user.id != admin.id]
        if any(user.leaving_since is None for user in others):
            return marked
        await self._unmark(marked)
        left_behind = [user for user in others if _is_left_behind(user, now)]
        for user in left_behind:
            await self._unmark(user)
        if left_behind:
            return None
        raise Conflict(f"{admin.username!r} is the last admin who is not disabled")

    async def _unmark(self, user: User) -> None:
        await self._users.replace(user.model_copy(update={"leaving_since": None}))


def _is_left_behind(user: User, now: datetime) -> bool:
    return user.leaving_since is not None and now - user.leaving_since > _LEFT_BEHIND
