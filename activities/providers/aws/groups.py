"""The security group of an infra: who reaches its servers, and on which ports.

The members of an infra reach each other on every port; from outside SSH comes in, and the ports that the
settings open. A rule that somebody adds stays for as long as the group does.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from activities.providers.aws import tags
from activities.providers.aws.errors import code_of
from activities.providers.aws.options import Options
from workflows.domain.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client
    from types_boto3_ec2.type_defs import FilterTypeDef, IpPermissionOutputTypeDef, IpPermissionTypeDef

_EVERYBODY = ("0.0.0.0/0", "::/0")
_SSH = 22


class Rule(NamedTuple):
    """TCP from a network, or everything (no port) from a group."""

    port: int | None
    source: str

    def as_permission(self) -> "IpPermissionTypeDef":
        if self.port is None:
            return {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": self.source}]}
        ports: IpPermissionTypeDef = {"IpProtocol": "tcp", "FromPort": self.port, "ToPort": self.port}
        if ":" in self.source:
            return {**ports, "Ipv6Ranges": [{"CidrIpv6": self.source}]}
        return {**ports, "IpRanges": [{"CidrIp": self.source}]}


def name_of(infra: str) -> str:
    return f"provisioning-{infra}"


def ensure(ec2: "EC2Client", infra: str, options: Options) -> str:
    """The id of the infra's group, with the wanted rules: who made it may have died before it had any.

    Raises:
        Conflict: a group of that name is somebody else's.
        Unavailable: somebody has just made it, and AWS does not show it yet.
    """
    identity, present = _find(ec2, infra) or (_make(ec2, infra), frozenset())
    for rule in sorted(_wanted(identity, options) - present, key=str):
        try:
            ec2.authorize_security_group_ingress(GroupId=identity, IpPermissions=[rule.as_permission()])
        except ec2.exceptions.ClientError as error:
            if code_of(error) != "InvalidPermission.Duplicate":
                raise
    return identity


def remove(ec2: "EC2Client", infra: str) -> bool:
    """Whether the group is gone; False where something is still in it."""
    found = _find(ec2, infra)
    if found is None:
        return True
    try:
        ec2.delete_security_group(GroupId=found[0])
    except ec2.exceptions.ClientError as error:
        if code_of(error) == "DependencyViolation":
            return False
        if code_of(error) != "InvalidGroup.NotFound":
            raise
    return True


def _make(ec2: "EC2Client", infra: str) -> str:
    ours = {**tags.MANAGED, tags.INFRA: infra}
    try:
        return ec2.create_security_group(
            GroupName=name_of(infra),
            Description=f"Servers of the infra {infra}",
            TagSpecifications=[{"ResourceType": "security-group", "Tags": tags.as_list(ours)}],
        )["GroupId"]
    except ec2.exceptions.ClientError as error:
        if code_of(error) != "InvalidGroup.Duplicate":
            raise
    if found := _find(ec2, infra):
        return found[0]
    if ec2.describe_security_groups(Filters=[_by_name(infra)])["SecurityGroups"]:
        raise Conflict(f"AWS has a security group {name_of(infra)} already that this service has not made")
    raise Unavailable(f"AWS does not show the security group {name_of(infra)} yet")


def _find(ec2: "EC2Client", infra: str) -> tuple[str, frozenset[Rule]] | None:
    """Id and rules of the group."""
    filters = [*tags.filters(infra=infra), _by_name(infra)]
    found = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    if not found:
        return None
    rules = (rule for permission in found[0]["IpPermissions"] for rule in _rules(permission))
    return found[0]["GroupId"], frozenset(rules)


def _by_name(infra: str) -> "FilterTypeDef":
    return {"Name": "group-name", "Values": [name_of(infra)]}


def _wanted(identity: str, options: Options) -> frozenset[Rule]:
    outside = {Rule(_SSH, source) for source in options.ssh_sources}
    opened = {Rule(port, source) for port in options.open_ports for source in _EVERYBODY}
    return frozenset(outside | opened | {Rule(None, identity)})


def _rules(permission: "IpPermissionOutputTypeDef") -> Iterator[Rule]:
    """Those of its rules that are of a form that we make."""
    if permission["IpProtocol"] == "-1":
        yield from (Rule(None, pair["GroupId"]) for pair in permission.get("UserIdGroupPairs", []))
    elif permission["IpProtocol"] == "tcp" and permission.get("FromPort") == permission.get("ToPort"):
        port = permission.get("FromPort")
        yield from (Rule(port, network["CidrIp"]) for network in permission.get("IpRanges", []))
        yield from (Rule(port, network["CidrIpv6"]) for network in permission.get("Ipv6Ranges", []))
