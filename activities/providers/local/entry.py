"""How the local provider is made from the settings. It needs none."""

from activities.providers.entry import ProviderEntry
from activities.providers.local.choice import Choice
from activities.providers.local.provider import LocalProvider
from activities.settings import Settings


def build_local(settings: Settings) -> LocalProvider:
    state_dir = settings.state_dir.expanduser().absolute()
    return LocalProvider(
        state_dir, settings.cache_dir.expanduser().absolute(), Choice.from_settings(settings)
    )


LOCAL = ProviderEntry(build_local)
