"""Temporal behind TLS: whom we trust, who we are, and under which name it is known."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from temporalio.client import Client

from activities.settings import PREFIX, Settings, SettingsError
from activities.temporal_access import TemporalAccess
from tests.support.cuttable_proxy import CuttableProxy
from tests.support.tls_proxy import Authority, tls_before

NAME = "temporal.example"


def access(address: str, **settings: Path | str) -> TemporalAccess:
    given: Mapping[str, str] = {f"{PREFIX}TEMPORAL_{name.upper()}": str(v) for name, v in settings.items()}
    return TemporalAccess.of(Settings.from_environment({f"{PREFIX}TEMPORAL_ADDRESS": address, **given}))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def behind_tls(temporal: Client, authority: Authority) -> AsyncIterator[CuttableProxy]:
    async with tls_before(temporal.service_client.config.target_host, authority.issue(NAME)) as proxy:
        yield proxy


@pytest.fixture
async def for_clients(temporal: Client, authority: Authority) -> AsyncIterator[CuttableProxy]:
    """It wants a certificate."""
    target = temporal.service_client.config.target_host
    async with tls_before(target, authority.issue(NAME), authority.file) as proxy:
        yield proxy


async def test_a_server_whose_authority_is_trusted(behind_tls: CuttableProxy, authority: Authority) -> None:
    client = await access(behind_tls.address, ca_file=authority.file, server_name=NAME).client()
    assert await client.service_client.check_health()


async def test_one_that_nobody_vouches_for(behind_tls: CuttableProxy) -> None:
    with pytest.raises(RuntimeError, match="UnknownIssuer"):
        await access(behind_tls.address, tls="true", server_name=NAME).client()


async def test_one_of_another_name(behind_tls: CuttableProxy, authority: Authority) -> None:
    with pytest.raises(RuntimeError, match="NotValidForName"):
        await access(behind_tls.address, ca_file=authority.file, server_name="other.example").client()


async def test_without_tls_it_is_not_reached(behind_tls: CuttableProxy) -> None:
    with pytest.raises(RuntimeError):
        await access(behind_tls.address).client()


async def test_our_own_certificate(for_clients: CuttableProxy, authority: Authority) -> None:
    ours = authority.issue("worker")
    files = {"ca_file": authority.file, "cert_file": ours.certificate, "key_file": ours.key}
    client = await access(for_clients.address, server_name=NAME, **files).client()
    assert await client.service_client.check_health()


async def test_it_is_wanted(for_clients: CuttableProxy, authority: Authority) -> None:
    with pytest.raises(RuntimeError):
        await access(for_clients.address, server_name=NAME, ca_file=authority.file).client()


async def test_an_api_key_is_never_sent_in_plain_text(temporal: Client) -> None:
    with_key = access(temporal.service_client.config.target_host, api_key="of the cloud")
    assert with_key.tls is True
    assert "of the cloud" not in repr(with_key)
    with pytest.raises(RuntimeError):  # the server speaks no TLS
        await with_key.client()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    settings = Settings(temporal_ca_file=tmp_path / "none.pem")
    with pytest.raises(SettingsError, match=r"^PROVISIONING_TEMPORAL_CA_FILE: .*none.pem cannot be read: No"):
        TemporalAccess.of(settings)
