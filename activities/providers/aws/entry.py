"""How the AWS provider is made from the settings: the regions switch it on."""

from activities.provider_ports import ServerProvider
from activities.providers.entry import ProviderEntry
from activities.settings import Settings


def build_aws(settings: Settings) -> ServerProvider | None:
    """Raises ValueError where a setting cannot be used."""
    if not settings.aws_regions:
        return None
    # boto3 takes its time to load, and most processes never need it.
    from activities.providers.aws.provider import AwsProvider  # noqa: PLC0415

    return AwsProvider(settings)


AWS = ProviderEntry(
    build_aws,
    needs="PROVISIONING_AWS_REGIONS, and credentials: PROVISIONING_AWS_ACCESS_KEY_ID with "
    "PROVISIONING_AWS_SECRET_ACCESS_KEY, PROVISIONING_AWS_CREDENTIALS_FILE, or what any AWS program finds",
)
