"""Where the credentials for AWS come from, and what the system's health says of them."""

from pathlib import Path

import pytest

from activities.providers.aws.provider import AwsProvider
from activities.providers.registry import ProviderRegistry
from api.monitoring.checks import provider_components
from api.monitoring.monitor import Monitor
from tests.support.aws_proxy import AwsProxy
from tests.support.moto import REGION, MotoServer

FILE = """
[default]
aws_access_key_id = AKIAFROMTHEFILE
aws_secret_access_key = file-secret
[other]
aws_access_key_id = AKIAOFTHEPROFILE
aws_secret_access_key = profile-secret
"""


async def key_used(proxy: AwsProxy, folder: Path, **changes: object) -> str:
    """The id of the key by which a call is signed."""
    none = {"aws_access_key_id": None, "aws_secret_access_key": None}
    settings = proxy.moto.settings(
        folder, **{"aws_regions": REGION, "aws_endpoint_url": proxy.url, **none, **changes}
    )
    await AwsProvider(settings).check_access()
    signed = proxy.calls[-1].headers["authorization"]
    return signed.partition("Credential=")[2].partition("/")[0]


async def test_the_nearest_credentials_count(
    proxy: AwsProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, home = tmp_path / "credentials", tmp_path / "home"
    file.write_text(FILE)
    (home / ".aws").mkdir(parents=True)
    (home / ".aws" / "credentials").write_text(FILE.replace("FROMTHEFILE", "OFTHEUSER"))
    monkeypatch.setenv("HOME", str(home))
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert await key_used(proxy, tmp_path) == "AKIAOFTHEUSER"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFTHEENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "environment-secret")
    assert await key_used(proxy, tmp_path) == "AKIAOFTHEENVIRONMENT"
    assert await key_used(proxy, tmp_path, aws_credentials_file=file) == "AKIAFROMTHEFILE"
    other = await key_used(proxy, tmp_path, aws_credentials_file=file, aws_profile="other")
    assert other == "AKIAOFTHEPROFILE"
    ours = {"aws_access_key_id": "AKIAOURS", "aws_secret_access_key": "ours"}
    assert await key_used(proxy, tmp_path, aws_credentials_file=file, **ours) == "AKIAOURS"


async def health(provider: AwsProvider) -> str:
    monitor = Monitor(list(provider_components(ProviderRegistry([provider]))), deadline=60)
    return (await monitor.health()).findings["provider:aws"].text


async def test_health_tells_whether_aws_lets_us_in(moto: MotoServer, aws_provider: AwsProvider) -> None:
    assert await health(aws_provider) == "Healthy"
    moto.demand_credentials(0)
    try:
        refused = await health(aws_provider)
    finally:
        moto.demand_credentials(float("inf"))
    assert refused.startswith("Warning: AWS: ")
    assert refused.endswith("(InvalidClientTokenId)")


async def test_credentials_that_are_not_there_are_told(
    moto: MotoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    none = {"aws_access_key_id": None, "aws_secret_access_key": None}
    missing = AwsProvider(moto.settings(tmp_path, aws_credentials_file=tmp_path / "none", **none))
    told = await health(missing)
    assert told == "Warning: AWS cannot be asked: The config profile (default) could not be found"
