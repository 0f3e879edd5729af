"""What only a server at UpCloud promises: what it is made of, how it is reached, and how it goes."""

import asyncio
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import yaml

from activities.providers.upcloud.provider import UpCloudProvider
from activities.remote.keys import client_key
from tests.support.stack import eventually
from tests.support.upcloud import PACE, UpCloud
from tests.support.upcloud_server.catalogue import DEBIAN_11, DEBIAN_12, UBUNTU
from workflows.domain.errors import Conflict, Refused, Unavailable
from workflows.domain.resources import ServerSpec


def spec(**changes: Any) -> ServerSpec:
    given = {"infra": "shop", "name": "web-01", "plan": "1xCPU-2GB", "zone": "de-fra1"} | changes
    return ServerSpec(provider="upcloud", **given)


@pytest.fixture
def provider(upcloud: UpCloud, tmp_path: Path) -> UpCloudProvider:
    return upcloud.provider(tmp_path / "state")


async def test_it_is_ordered_as_the_spec_says(
    upcloud: UpCloud, provider: UpCloudProvider, tmp_path: Path
) -> None:
    server = await provider.create(spec(labels={"env": "prod"}), "owner-1")
    (order,) = upcloud.state()["orders"]
    assert (order["hostname"], order["title"]) == ("web-01", "shop/web-01")
    assert (order["plan"], order["zone"]) == ("1xCPU-2GB", "de-fra1")
    # What the plan's price includes.
    assert (order["storage"]["template"], order["storage"]["size"]) == (DEBIAN_12.uuid, 50)
    assert order["login_keys"] == [client_key(tmp_path / "state").export_public_key().decode().strip()]
    labels = order["labels"]
    assert labels.items() >= {
        ("env", "prod"),
        ("managed-by", "provisioning"),
        ("provisioning-infra", "shop"),
        ("provisioning-name", "web-01"),
        ("provisioning-owner", "owner-1"),
    }
    (there,) = upcloud.servers()
    assert (server.provider_id, there["state"]) == (there["uuid"], "started")
    addresses = {one["access"]: one["address"] for one in there["ip_addresses"]["ip_address"]}
    assert (server.ssh.host, server.ssh.port) == (addresses["public"], upcloud.ssh_port)
    assert server.ssh.user == "root"


async def test_it_is_given_the_host_key_that_connections_are_checked_against(
    upcloud: UpCloud, provider: UpCloudProvider
) -> None:
    server = await provider.create(spec(), "owner-1")
    (order,) = upcloud.state()["orders"]
    assert order["user_data"].startswith("#cloud-config\n")
    keys = yaml.safe_load(order["user_data"])["ssh_keys"]
    private = asyncssh.import_private_key(keys["ed25519_private"])
    assert private.export_public_key().decode().strip() == keys["ed25519_public"] == server.ssh.host_key
    for other in (spec(name="web-02"), spec(infra="bank")):
        assert (await provider.create(other, "owner-1")).ssh.host_key != server.ssh.host_key


async def test_a_template_without_cloud_init_gets_no_host_key(
    upcloud: UpCloud, provider: UpCloudProvider
) -> None:
    server = await provider.create(spec(image=DEBIAN_11.title), "owner-1")
    assert server.ssh.host_key is None
    assert upcloud.state()["orders"][0]["user_data"] == ""


@pytest.mark.parametrize("image", [UBUNTU.title, UBUNTU.title.lower(), UBUNTU.uuid])
async def test_an_image_is_named_by_title_or_uuid(
    upcloud: UpCloud, provider: UpCloudProvider, image: str
) -> None:
    wanted = spec(image=image, ssh_user="ops", plan="CLOUDNATIVE-1xCPU-4GB")
    server = await provider.create(wanted, "owner-1")
    assert server.spec == wanted
    assert server.ssh.user == "ops"
    (order,) = upcloud.state()["orders"]
    assert (order["storage"]["template"], order["user"]) == (UBUNTU.uuid, "ops")
    # The plan includes no storage: no smaller than UpCloud's smallest.
    assert order["storage"]["size"] == 10


async def without_ssh(upcloud: UpCloud, provider: UpCloudProvider) -> None:
    """Orders a server that nobody will answer from with an impatient provider, and waits until it runs."""
    with pytest.raises(Unavailable):
        await provider.create(spec(), "owner-1")
    await eventually(lambda: bool(upcloud.servers()[0]["state"] == "started"))


async def test_the_template_and_the_kind_of_address_can_be_set(upcloud: UpCloud, tmp_path: Path) -> None:
    provider = upcloud.provider(
        tmp_path, PACE._replace(patience=0.0), upcloud_template=DEBIAN_11.uuid, upcloud_address="private"
    )
    await without_ssh(upcloud, provider)
    # Nobody answers on the test server's internal addresses.
    with pytest.raises(Unavailable, match=r"no SSH server answers on 127\.238\.0\.2"):
        await provider.create(spec(), "owner-1")
    found = await provider.find("shop", "web-01")
    assert found is not None
    assert found.ssh.host == "127.238.0.2"
    assert upcloud.state()["orders"][0]["storage"]["template"] == DEBIAN_11.uuid


async def test_it_is_not_there_before_ssh_answers(upcloud: UpCloud, tmp_path: Path) -> None:
    silent = "127.239.0.1"
    upcloud.change(addresses=[silent])
    provider = upcloud.provider(tmp_path, PACE._replace(patience=0.0))
    await without_ssh(upcloud, provider)
    with pytest.raises(Unavailable, match=f"no SSH server answers on {silent}:{upcloud.ssh_port}"):
        await provider.create(spec(), "owner-1")
    creation = asyncio.create_task(upcloud.provider(tmp_path).create(spec(), "owner-1"))

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-test\r\n")
        writer.close()

    async with await asyncio.start_server(greet, silent, upcloud.ssh_port):
        assert (await creation).ssh.host == silent
    assert len(upcloud.state()["orders"]) == 1


async def test_one_that_somebody_stopped_is_started_again(
    upcloud: UpCloud, provider: UpCloudProvider
) -> None:
    server = await provider.create(spec(), "owner-1")
    stop = {"stop_server": {"stop_type": "hard", "timeout": "1"}}
    upcloud.call("POST", f"/server/{server.provider_id}/stop", stop)

    await eventually(lambda: bool(upcloud.servers()[0]["state"] == "stopped"))
    assert await provider.create(spec(), "owner-1") == server
    assert upcloud.servers()[0]["state"] == "started"


async def test_one_that_ignores_being_asked_is_stopped_hard(
    upcloud: UpCloud, provider: UpCloudProvider
) -> None:
    server = await provider.create(spec(), "owner-1")
    upcloud.change(deaf=True)
    await provider.delete(server)
    assert upcloud.traces() == []


async def test_throttling_and_faults_delay_a_deletion_and_do_not_end_it(
    upcloud: UpCloud, provider: UpCloudProvider
) -> None:
    server = await provider.create(spec(), "owner-1")
    upcloud.fault(method="POST", path="/server", count=2, status=429)
    upcloud.fault(method="DELETE", path="/server", count=2, status=503, plain=True)
    await provider.delete(server)
    assert upcloud.traces() == []


async def test_one_that_somebody_deleted_is_gone(upcloud: UpCloud, provider: UpCloudProvider) -> None:
    server = await provider.create(spec(), "owner-1")
    upcloud.reset()
    await provider.delete(server)
    assert await provider.find("shop", "web-01") is None
    again = await provider.create(spec(), "owner-1")
    assert again.provider_id != server.provider_id


@pytest.mark.parametrize("provider_id", ["memory-1", "00000000-0000-4000-8000-000000000000"])
async def test_an_unknown_id_is_success(provider: UpCloudProvider, provider_id: str) -> None:
    server = await provider.create(spec(), "owner-1")
    await provider.delete(server)
    await provider.delete(server.model_copy(update={"provider_id": provider_id}))


async def test_one_whose_labels_were_taken_off_is_told_and_stays(
    upcloud: UpCloud, provider: UpCloudProvider
) -> None:
    server = await provider.create(spec(), "owner-1")
    upcloud.call("PUT", f"/server/{server.provider_id}", {"server": {"labels": {"label": []}}})
    with pytest.raises(Conflict, match="shop/web-01 is another one now"):
        await provider.delete(server)
    assert len(upcloud.servers()) == 1


async def test_one_without_the_wanted_address_is_refused(upcloud: UpCloud, tmp_path: Path) -> None:
    upcloud.change(addresses=[""])
    with pytest.raises(Refused, match="has no public address"):
        await upcloud.provider(tmp_path).create(spec(), "owner-1")
