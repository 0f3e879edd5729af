"""The first admin: made where there is no user yet."""

import asyncio
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from activities.ports import User, UserStore
from activities.secret_files import kept_secret
from activities.settings import Settings
from api.security.passwords import Passwords
from workflows.domain.errors import ProvisioningError

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 2.0
"""Seconds between two attempts while the database is away."""


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
