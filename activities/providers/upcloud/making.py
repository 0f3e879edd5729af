"""Makes the UpCloud provider from the settings, with the client that takes its time to load."""

from activities.providers.upcloud.client import UpCloudClient
from activities.providers.upcloud.credentials import authorization
from activities.providers.upcloud.provider import Choices, UpCloudProvider
from activities.settings import Settings


def build_upcloud(settings: Settings) -> UpCloudProvider | None:
    credentials = authorization(settings)
    if credentials is None:
        return None
    return UpCloudProvider(UpCloudClient(settings.upcloud_url, credentials), choices(settings))


def choices(settings: Settings) -> Choices:
    return Choices(
        template=settings.upcloud_template,
        address_kind=settings.upcloud_address,
        ssh_port=settings.upcloud_ssh_port,
        state_dir=settings.state_dir.expanduser().absolute(),
    )
