"""Which isolation new servers get."""

from functools import cached_property
from pathlib import Path
from typing import Literal

from activities.providers.local.box import Box
from activities.providers.local.folder import IsolationName
from activities.providers.local.isolation import Isolation
from activities.providers.local.process import Process
from activities.settings import Settings
from workflows.domain.errors import Refused

IsolationSetting = Literal["auto", "box", "process", "off"]


class Choice:
    """Chooses once, when first asked: `auto` is a box where a quick real attempt at one succeeds."""

    def __init__(self, setting: IsolationSetting, state_dir: Path, cache_dir: Path) -> None:
        self._box = Box(state_dir, cache_dir)
        self._process = Process(cache_dir)
        self._setting = setting

    @classmethod
    def from_settings(cls, settings: Settings) -> "Choice":
        state_dir = settings.state_dir.expanduser().absolute()
        return cls(settings.local_isolation, state_dir, settings.cache_dir.expanduser().absolute())

    def __str__(self) -> str:
        if self._setting == "off":
            return "none (as set)"
        if self._setting == "process":
            return "process (as set)"
        if self._obstacle is None:
            return "box (as set)" if self._setting == "box" else "box (this machine allows it)"
        if self._setting == "box":
            return f"none (boxes are set, but {self._obstacle})"
        return f"process (no boxes: {self._obstacle})"

    def isolation(self) -> Isolation:
        """The one that new servers get.

        Raises:
            Refused: boxes are set, and this machine has none; or none are to be made.
        """
        if self._setting == "off":
            raise Refused("local servers are switched off here")
        if self._setting == "process":
            return self._process
        if self._obstacle is None:
            return self._box
        if self._setting == "box":
            raise Refused(f"box isolation is set, and it does not work here: {self._obstacle}")
        return self._process

    @cached_property
    def _obstacle(self) -> str | None:
        return self._box.obstacle()

    def named(self, name: IsolationName) -> Isolation:
        """The one that an existing server has."""
        return self._box if name == "box" else self._process
