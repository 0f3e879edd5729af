"""What a provider registers: how it is made from the settings, and what it needs for that."""

from collections.abc import Callable
from typing import NamedTuple

from activities.provider_ports import ServerProvider
from activities.settings import Settings

GROUP = "provisioning.providers"
"""The entry points by which installed packages name their `ProviderEntry`, each under its provider's name."""


class ProviderEntry(NamedTuple):
    """A kind of provider that can be had.

    `build` asks nobody, and returns None where its settings are not there. A provider of another package
    reads environment variables of its own: those with our prefix are refused where we do not know them.
    """

    build: Callable[[Settings], ServerProvider | None]
    needs: str = ""
    """The settings without which `build` returns None, for the operator who asks for this provider."""
