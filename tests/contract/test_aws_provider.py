"""What a server at AWS is made of, how it is found again, and what is left when it is gone."""

import asyncio
import json
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncssh
import pytest

from activities.providers.aws import tags
from activities.providers.aws.provider import AwsProvider
from activities.remote.door import SshDoor
from activities.remote.keys import login_line
from tests.support.moto import (
    DEBIAN,
    NEWEST_DEBIAN_12,
    OTHER_REGION,
    PLAN,
    REGION,
    ZONE,
    MotoServer,
    a_server,
)
from workflows.domain.errors import Conflict, Refused
from workflows.domain.resources import Server

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import SecurityGroupTypeDef


async def test_an_instance_bears_the_tags_by_which_it_is_found(
    moto: MotoServer, aws_provider: AwsProvider
) -> None:
    server = await aws_provider.create(a_server(labels={"team": "blue", "tier": ""}), "owner-1")
    (instance,) = moto.instances()
    expected = {
        "Name": "shop/web-01",
        "managed-by": "provisioning",
        "provisioning:infra": "shop",
        "provisioning:name": "web-01",
        "provisioning:owner": "owner-1",
        "provisioning:host-key": server.ssh.host_key,
        "provisioning:login": "admin",
        "team": "blue",
        "tier": "",
    }
    assert tags.as_mapping(instance["Tags"]) == expected
    (volume,) = moto.ec2().describe_volumes()["Volumes"]
    assert tags.as_mapping(volume["Tags"]) == expected
    assert (server.provider_id, server.ssh.host) == (instance["InstanceId"], instance["PublicIpAddress"])
    assert (instance["InstanceType"], instance["Placement"]["AvailabilityZone"]) == (PLAN, ZONE)
    assert instance["ImageId"] == NEWEST_DEBIAN_12
    assert instance["MetadataOptions"]["HttpTokens"] == "required"


async def test_ssh_comes_in_and_members_of_an_infra_reach_each_other(
    moto: MotoServer, tmp_path: Path
) -> None:
    provider = AwsProvider(
        moto.settings(tmp_path, aws_ssh_sources="192.0.2.0/24, 2001:db8::/32", aws_open_ports="80,443")
    )
    await asyncio.gather(*(provider.create(a_server(f"web-{n}"), f"owner-{n}") for n in range(3)))
    found = group_of_shop(moto)
    rules = {
        (rule["IpProtocol"], rule.get("FromPort"), source)
        for rule in found["IpPermissions"]
        for source in (
            *(r["CidrIp"] for r in rule.get("IpRanges", [])),
            *(r["CidrIpv6"] for r in rule.get("Ipv6Ranges", [])),
            *(r["GroupId"] for r in rule.get("UserIdGroupPairs", [])),
        )
    }
    assert rules == {
        ("tcp", 22, "192.0.2.0/24"),
        ("tcp", 22, "2001:db8::/32"),
        *(("tcp", port, source) for port in (80, 443) for source in ("0.0.0.0/0", "::/0")),
        ("-1", None, found["GroupId"]),
    }
    assert {g["GroupId"] for i in moto.instances() for g in i["SecurityGroups"]} == {found["GroupId"]}


def group_of_shop(moto: MotoServer) -> "SecurityGroupTypeDef":
    (found,) = moto.ec2().describe_security_groups(GroupNames=["provisioning-shop"])["SecurityGroups"]
    return found


async def test_a_rule_that_was_lost_comes_back_and_one_that_somebody_added_stays(
    moto: MotoServer, aws_provider: AwsProvider
) -> None:
    await aws_provider.create(a_server(), "owner-1")
    ec2, group = moto.ec2(), group_of_shop(moto)
    ec2.revoke_security_group_ingress(
        GroupId=group["GroupId"],
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ],
    )
    ec2.authorize_security_group_ingress(
        GroupId=group["GroupId"], IpProtocol="tcp", FromPort=8443, ToPort=8443, CidrIp="192.0.2.7/32"
    )
    await aws_provider.create(a_server("web-02"), "owner-2")
    assert {rule.get("FromPort") for rule in group_of_shop(moto)["IpPermissions"]} == {22, 8443, None}


async def test_a_group_that_somebody_else_has_made_is_not_taken(
    moto: MotoServer, aws_provider: AwsProvider
) -> None:
    moto.ec2().create_security_group(GroupName="provisioning-shop", Description="somebody's")
    with pytest.raises(Conflict, match="provisioning-shop"):
        await aws_provider.create(a_server(), "owner-1")
    assert moto.traces() == ["provisioning-shop"]


def user_data(moto: MotoServer, server: Server) -> dict[str, Any]:
    """What the server is told at its first start."""
    told = moto.ec2().describe_instance_attribute(InstanceId=server.provider_id, Attribute="userData")
    first, _, rest = b64decode(told["UserData"]["Value"]).decode().partition("\n")
    assert first == "#cloud-config"
    found = json.loads(rest)
    assert isinstance(found, dict)
    return found


def authorized(moto: MotoServer, server: Server) -> asyncssh.SSHAuthorizedKeys:
    """Whom AWS tells the server to let in."""
    (instance,) = (i for i in moto.instances() if i["InstanceId"] == server.provider_id)
    (pair,) = moto.ec2().describe_key_pairs(KeyNames=[instance["KeyName"]], IncludePublicKey=True)["KeyPairs"]
    return asyncssh.import_authorized_keys(pair["PublicKey"])


async def test_a_server_that_does_as_it_is_told_is_known_and_lets_us_in(
    moto: MotoServer, aws_provider: AwsProvider, aws_state_dir: Path
) -> None:
    server = await aws_provider.create(a_server(), "owner-1")
    told = user_data(moto, server)["ssh_keys"]
    assert told["ed25519_public"] == server.ssh.host_key

    async def answer(process: "asyncssh.SSHServerProcess[str]") -> None:
        process.exit(0)

    async def serves(key: asyncssh.SSHKey) -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[key],
            authorized_client_keys=authorized(moto, server),
            process_factory=answer,
        )

    door = SshDoor(aws_state_dir)
    async with await serves(asyncssh.import_private_key(told["ed25519_private"])) as true:
        here = {"host": "127.0.0.1", "port": true.get_port()}
        assert (await door.execute(server.ssh.model_copy(update=here), "true")).code == 0
    async with await serves(asyncssh.generate_private_key("ssh-ed25519")) as false:
        here = {"host": "127.0.0.1", "port": false.get_port()}
        with pytest.raises(Refused, match="another host key"):
            await door.execute(server.ssh.model_copy(update=here), "true")
    await door.close()


async def test_every_server_has_a_host_key_of_its_own_and_they_share_the_login_key(
    moto: MotoServer, aws_provider: AwsProvider, aws_state_dir: Path
) -> None:
    servers = [await aws_provider.create(a_server(f"web-{n}"), "owner-1") for n in range(2)]
    assert len({server.ssh.host_key for server in servers}) == 2
    (pair,) = moto.ec2().describe_key_pairs(IncludePublicKey=True)["KeyPairs"]
    assert pair["PublicKey"].split()[:2] == login_line(aws_state_dir).split()[:2]


async def test_another_worker_finds_the_server_as_it_was_made(
    moto: MotoServer, aws_provider: AwsProvider, tmp_path: Path
) -> None:
    spec = a_server(image=f"{DEBIAN}/debian-13-*", ssh_user="debian", labels={"team": "blue"})
    made = await aws_provider.create(spec, "owner-1")
    other = AwsProvider(moto.settings(tmp_path, aws_ssh_user="somebody", aws_image="ami-12345678"))
    assert await other.find("shop", "web-01") == made
    assert (made.spec, made.ssh.user) == (spec, "debian")


async def test_what_was_changed_at_aws_is_found_as_it_is_now(
    moto: MotoServer, aws_provider: AwsProvider
) -> None:
    made = await aws_provider.create(a_server(labels={"team": "blue", "tier": "front"}), "owner-1")
    ec2, identity = moto.ec2(), made.provider_id
    ec2.create_tags(Resources=[identity], Tags=[{"Key": "team", "Value": "red"}])
    ec2.delete_tags(Resources=[identity], Tags=[{"Key": "tier"}])
    ec2.stop_instances(InstanceIds=[identity])
    ec2.modify_instance_attribute(InstanceId=identity, InstanceType={"Value": "t3.large"})
    found = await aws_provider.find("shop", "web-01")
    assert found is not None
    assert found.spec == made.spec.model_copy(update={"plan": "t3.large", "labels": {"team": "red"}})


async def test_a_server_that_was_stopped_is_started_for_whoever_wants_it(
    moto: MotoServer, aws_provider: AwsProvider
) -> None:
    made = await aws_provider.create(a_server(), "owner-1")
    moto.ec2().stop_instances(InstanceIds=[made.provider_id])
    assert (await aws_provider.create(a_server(), "owner-2")).owner == "owner-1"
    assert [instance["State"]["Name"] for instance in moto.instances()] == ["running"]


async def test_servers_are_reached_at_their_private_address_where_that_is_set(
    moto: MotoServer, tmp_path: Path
) -> None:
    provider = AwsProvider(moto.settings(tmp_path, aws_address="private"))
    server = await provider.create(a_server(), "owner-1")
    assert server.ssh.host == moto.instances()[0]["PrivateIpAddress"]


async def test_a_name_stands_for_one_server_in_all_regions(
    moto: MotoServer, aws_provider: AwsProvider
) -> None:
    made = await aws_provider.create(a_server(zone=f"{OTHER_REGION}b"), "owner-1")
    assert await aws_provider.find("shop", "web-01") == made
    with pytest.raises(Conflict, match=f"{OTHER_REGION}b, not t3.micro in {REGION}a"):
        await aws_provider.create(a_server(), "owner-2")
    assert len(moto.instances()) == 1
    await aws_provider.delete(made)
    assert moto.traces() == []


async def test_a_copy_that_somebody_made_by_hand_is_not_the_server(
    moto: MotoServer, aws_provider: AwsProvider
) -> None:
    made = await aws_provider.create(a_server(), "owner-1")
    (original,) = moto.instances()
    copied = moto.ec2().run_instances(
        ImageId=original["ImageId"],
        InstanceType=original["InstanceType"],
        MinCount=1,
        MaxCount=1,
        ClientToken="by-hand-0",
        TagSpecifications=[{"ResourceType": "instance", "Tags": original["Tags"]}],
    )["Instances"][0]["InstanceId"]
    assert await aws_provider.create(a_server(), "owner-1") == made
    await aws_provider.delete(made)
    assert [instance["InstanceId"] for instance in moto.instances()] == [copied]
    assert await aws_provider.find("shop", "web-01") is None


async def test_the_group_stays_for_as_long_as_the_infra_has_servers(
    moto: MotoServer, aws_provider: AwsProvider
) -> None:
    first, second = [await aws_provider.create(a_server(name), f"of {name}") for name in ("a", "b")]
    await aws_provider.delete(first)
    assert "provisioning-shop" in moto.traces()
    await aws_provider.delete(second)
    assert moto.traces() == []


async def test_volumes_that_outlive_their_instance_go_with_the_server(
    moto: MotoServer, aws_provider: AwsProvider
) -> None:
    made = await aws_provider.create(a_server(), "owner-1")
    ec2 = moto.ec2()
    (volume,) = ec2.describe_volumes()["Volumes"]
    # What AWS does by itself where the image says that the volume shall stay.
    ec2.detach_volume(VolumeId=volume["VolumeId"], InstanceId=made.provider_id, Device="/dev/sda1")
    kept = ec2.create_volume(AvailabilityZone=ZONE, Size=1)["VolumeId"]
    await aws_provider.delete(made)
    assert moto.traces() == [kept]


async def test_what_aws_does_not_know_is_deleted(moto: MotoServer, aws_provider: AwsProvider) -> None:
    made = await aws_provider.create(a_server(), "owner-1")
    moto.reset()
    await aws_provider.delete(made)
    await aws_provider.delete(made.model_copy(update={"provider_id": "never-an-id"}))


async def test_a_server_whose_tags_somebody_took_away_can_still_be_deleted(
    moto: MotoServer, aws_provider: AwsProvider
) -> None:
    made = await aws_provider.create(a_server(), "owner-1")
    (instance,) = moto.instances()
    moto.ec2().delete_tags(
        Resources=[made.provider_id], Tags=[{"Key": tag["Key"]} for tag in instance["Tags"]]
    )
    assert await aws_provider.find("shop", "web-01") is None
    assert await aws_provider.call_off(made, "deletion-1")
    with pytest.raises(Conflict, match="called off"):
        await aws_provider.delete(made, "deletion-1")
    await aws_provider.delete(made)
    assert moto.instances() == []


async def test_one_that_is_protected_stays_and_the_operator_hears_why(
    moto: MotoServer, aws_provider: AwsProvider
) -> None:
    made = await aws_provider.create(a_server(), "owner-1")
    moto.ec2().modify_instance_attribute(InstanceId=made.provider_id, DisableApiTermination={"Value": True})
    with pytest.raises(Refused, match=r"AWS: .*disableApiTermination.* \(OperationNotPermitted\)"):
        await aws_provider.delete(made)
    assert await aws_provider.find("shop", "web-01") == made
