"""The providers by name, and how they are made from the settings."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points

from activities.provider_ports import ServerProvider
from activities.providers.aws.entry import AWS
from activities.providers.entry import GROUP, ProviderEntry
from activities.providers.local.entry import LOCAL
from activities.providers.upcloud.entry import UPCLOUD
from activities.settings import Settings
from workflows.domain.errors import InvalidRequest

BUILT_IN: Mapping[str, ProviderEntry] = {"aws": AWS, "local": LOCAL, "upcloud": UPCLOUD}
"""Ours by name: the service is no installed package, so it has no entry points of its own."""


class ProviderRegistry:
    """Some providers, by name, and what those would need that are not configured."""

    def __init__(
        self, providers: Iterable[ServerProvider], unconfigured: Mapping[str, str] | None = None
    ) -> None:
        self._providers = {provider.name: provider for provider in providers}
        self._unconfigured = unconfigured or {}

    def names(self) -> Sequence[str]:
        return sorted(self._providers)

    def get(self, name: str) -> ServerProvider:
        if name in self._providers:
            return self._providers[name]
        if name in self._unconfigured:
            raise InvalidRequest(
                f"the provider {name!r} is not configured here; it needs {self._unconfigured[name]}"
            )
        known = ", ".join(self.names())
        raise InvalidRequest(f"there is no provider {name!r}; there are: {known}")

    async def resume(self) -> None:
        """Brings back what stopped while nobody was there to see."""
        for provider in self._providers.values():
            await provider.resume()


def build_providers(settings: Settings) -> ProviderRegistry:
    """All providers that the settings allow for. Tries out, in a moment, what this machine can isolate.

    Raises:
        ValueError: an installed package registers a provider that cannot be used.
    """
    entries = {**BUILT_IN, **_installed(entry_points(group=GROUP))}
    built = {name: entry.build(settings) for name, entry in entries.items()}
    return ProviderRegistry(
        [_named(name, provider) for name, provider in built.items() if provider is not None],
        {name: entries[name].needs for name, provider in built.items() if provider is None},
    )


def _installed(points: Iterable[EntryPoint]) -> Mapping[str, ProviderEntry]:
    """What other packages register."""
    found: dict[str, ProviderEntry] = {}
    for point in points:
        if point.name in BUILT_IN or point.name in found:
            raise ValueError(f"{point.value} registers a provider {point.name!r}, and there is one already")
        try:
            entry = point.load()
        except Exception as error:
            raise ValueError(
                f"the provider {point.name!r} of {point.value} cannot be loaded: {error}"
            ) from error
        if not isinstance(entry, ProviderEntry):
            raise ValueError(f"{point.value} is no ProviderEntry, and registered as provider {point.name!r}")
        found[point.name] = entry
    return found


def _named(name: str, provider: ServerProvider) -> ServerProvider:
    if provider.name != name:
        raise ValueError(f"the provider that is registered as {name!r} calls itself {provider.name!r}")
    return provider
