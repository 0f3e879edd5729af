"""What UpCloud offers: its plans and templates, remembered for some minutes."""

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from activities.providers.upcloud.answers import Plan, Template
from activities.providers.upcloud.client import UpCloudClient
from workflows.domain.errors import Refused

T = TypeVar("T")

_FRESH_SECONDS = 300.0
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_LISTED = 20
"""Titles that an error names."""


class Offers:
    def __init__(self, client: UpCloudClient) -> None:
        self._client = client
        self._plans = _Remembered(client.plans)
        self._templates = _Remembered(client.templates)

    async def plan(self, name: str) -> Plan | None:
        """None where there is none of this name."""
        return await self._plans.find(lambda plan: plan.name == name)

    async def template(self, wanted: str) -> Template:
        """The template with this title or UUID.

        Raises:
            Refused: there is none.
        """
        if _UUID.fullmatch(wanted):
            return await self._client.template(wanted)
        found = await self._templates.find(lambda template: template.title.casefold() == wanted.casefold())
        if found is None:
            titles = sorted(template.title for template in self._templates.items)
            listed = ", ".join(titles[:_LISTED]) + (", and more" if len(titles) > _LISTED else "")
            raise Refused(f"UpCloud has no template {wanted!r}; there are: {listed}")
        return found


class _Remembered(Generic[T]):
    """A list that is asked for anew when it is old, or lacks what is looked for."""

    def __init__(self, ask: Callable[[], Awaitable[Sequence[T]]]) -> None:
        self._ask = ask
        self._asked_at = float("-inf")
        self.items: Sequence[T] = ()

    async def find(self, fits: Callable[[T], bool]) -> T | None:
        if time.monotonic() - self._asked_at < _FRESH_SECONDS:
            found = next(filter(fits, self.items), None)
            if found is not None:
                return found
        self.items = await self._ask()
        self._asked_at = time.monotonic()
        return next(filter(fits, self.items), None)
