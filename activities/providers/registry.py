"""The providers by name, and how they are made from the settings."""

from collections.abc import Iterable, Sequence

from activities.ports import ServerProvider
from activities.providers.local.choice import Choice
from activities.providers.local.provider import LocalProvider
from activities.settings import Settings
from workflows.domain.errors import InvalidRequest


class ProviderRegistry:
    """Some providers, by name."""

    def __init__(self, providers: Iterable[ServerProvider]) -> None:
        self._providers = {provider.name: provider for provider in providers}

    def names(self) -> Sequence[str]:
        return sorted(self._providers)

    def get(self, name: str) -> ServerProvider:
        try:
            return self._providers[name]
        except KeyError:
            known = ", ".join(self.names())
            raise InvalidRequest(f"there is no provider {name!r}; there are: {known}") from None

    async def resume(self) -> None:
        """Brings back what stopped while nobody was there to see."""
        for provider in self._providers.values():
            await provider.resume()


def build_providers(settings: Settings) -> ProviderRegistry:
    """All providers that the settings allow for. Tries out, in a moment, what this machine can isolate."""
    return ProviderRegistry([build_local(settings)])


def build_local(settings: Settings) -> LocalProvider:
    state_dir = settings.state_dir.expanduser().absolute()
    return LocalProvider(
        state_dir, settings.cache_dir.expanduser().absolute(), Choice.from_settings(settings)
    )
