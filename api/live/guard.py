"""Watches whether those who are connected still may be."""

import asyncio
from datetime import UTC, datetime
from typing import NoReturn

from api.accounts import Accounts
from api.credentials import Credential
from api.errors import Forbidden, Unauthenticated
from api.live.closing import FORBIDDEN, TOKEN_VOID, ConnectionEnds
from api.permissions import Role, require
from workflows.domain.errors import ProvisioningError

_PAUSE = 0.5
"""Seconds between two looks."""

_PARALLEL = 4
"""Looks at a time: while the database is away each waits, and holds one of the driver's threads."""


class Guard:
    """One for all connections of this process."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._slots = asyncio.Semaphore(_PARALLEL)

    async def watch(self, credential: Credential, needed: Role) -> NoReturn:
        """Raises ConnectionEnds when the token expires or is void, or the role is taken away.

        A database that is away ends nothing but what has expired.
        """
        left = (credential.expires_at - datetime.now(UTC)).total_seconds()
        try:
            async with asyncio.timeout(max(0.0, left)):
                while True:
                    await asyncio.sleep(_PAUSE)
                    await self._look(credential, needed)
        except TimeoutError:
            raise ConnectionEnds(TOKEN_VOID, "the token has expired") from None

    async def _look(self, credential: Credential, needed: Role) -> None:
        try:
            async with self._slots:
                found = await self._accounts.behind(credential.token)
            require(found.user, needed)
        except Unauthenticated as error:
            raise ConnectionEnds(TOKEN_VOID, error.message) from None
        except Forbidden as error:
            raise ConnectionEnds(FORBIDDEN, error.message) from None
        except ProvisioningError:
            return
