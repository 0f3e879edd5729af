"""How the UpCloud provider comes in: credentials in the settings switch it on."""

from activities.provider_ports import ServerProvider
from activities.providers.entry import ProviderEntry
from activities.settings import Settings


def build(settings: Settings) -> ServerProvider | None:
    if not any((settings.upcloud_token, settings.upcloud_token_file, settings.upcloud_username)):
        return None
    # UpCloud's client takes its time to load, and most processes never need it.
    from activities.providers.upcloud.making import build_upcloud  # noqa: PLC0415

    return build_upcloud(settings)


UPCLOUD = ProviderEntry(
    build,
    needs="PROVISIONING_UPCLOUD_TOKEN, or PROVISIONING_UPCLOUD_USERNAME and PROVISIONING_UPCLOUD_PASSWORD "
    "(or _TOKEN_FILE, _PASSWORD_FILE)",
)
