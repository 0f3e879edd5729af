"""How the local provider is made from the settings. It needs none, and can be switched off."""

from activities.providers.entry import ProviderEntry
from activities.providers.local.choice import Choice
from activities.providers.local.provider import LocalProvider
from activities.settings import Settings


def build_local(settings: Settings) -> LocalProvider:
    state_dir = settings.state_dir.expanduser().absolute()
    return LocalProvider(
        state_dir, settings.cache_dir.expanduser().absolute(), Choice.from_settings(settings)
    )


def build(settings: Settings) -> LocalProvider | None:
    return None if settings.local_isolation == "off" else build_local(settings)


LOCAL = ProviderEntry(build, needs="PROVISIONING_LOCAL_ISOLATION not to be `off`")
