"""Instances as AWS shows them, and which of them are ours."""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from activities.providers.aws import tags
from activities.providers.aws.calls import Calls
from activities.providers.aws.errors import code_of
from workflows.domain.resources import Server, ServerSpec, SshEndpoint

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client
    from types_boto3_ec2.type_defs import FilterTypeDef, InstanceTypeDef

_DEAD = ("shutting-down", "terminated")
_SSH_PORT = 22


@dataclass(frozen=True)
class Instance:
    """One instance, as it was at `seen_at` by AWS's own clock."""

    id: str
    region: str
    state: str
    plan: str
    zone: str
    launched: datetime
    """Whole seconds, and anew at each start of one that was stopped."""
    seen_at: datetime
    token: str
    tags: Mapping[str, str]
    public_address: str | None
    private_address: str | None
    state_reason: tuple[str, str]
    """Code and words."""

    @property
    def is_alive(self) -> bool:
        """Whether it can ever run (again)."""
        return self.state not in _DEAD

    @property
    def owner(self) -> str:
        return self.tags.get(tags.OWNER, "")

    @property
    def is_ours(self) -> bool:
        """Whether the service launched it. A copy that somebody makes has our tags too, but not our token."""
        digest, _, generation = self.token.rpartition("-")
        return generation.isdigit() and digest == _digest(
            self.tags.get(tags.INFRA, ""), self.tags.get(tags.NAME, ""), self.owner
        )

    @property
    def is_kept(self) -> bool:
        return tags.KEPT in self.tags

    def is_kept_from(self, deletion: str) -> bool:
        return self.tags.get(tags.KEPT) == deletion

    @property
    def generation(self) -> int:
        return int(self.token.rpartition("-")[2])

    @property
    def order(self) -> tuple[datetime, str]:
        """Of several with one name the first counts: everybody who looks sees the same one."""
        return self.launched, self.id

    def address(self, *, public: bool) -> str | None:
        return self.public_address if public else self.private_address

    def server(self, *, public: bool) -> Server:
        """With the address that it has, where it has not yet got the wanted one."""
        spec = ServerSpec(
            infra=self.tags[tags.INFRA],
            name=self.tags[tags.NAME],
            provider="aws",
            plan=self.plan,
            zone=self.zone,
            labels=tags.labels(self.tags),
            image=self.tags.get(tags.IMAGE),
            ssh_user=self.tags.get(tags.SSH_USER),
        )
        endpoint = SshEndpoint(
            host=self.address(public=public) or self.private_address or "",
            port=_SSH_PORT,
            user=self.tags.get(tags.LOGIN, ""),
            host_key=self.tags.get(tags.HOST_KEY),
        )
        return Server(spec=spec, provider_id=self.id, owner=self.owner, ssh=endpoint)


class Look(NamedTuple):
    """The instances of one name that the service made, in every region: first the one that counts."""

    alive: Sequence[Instance]
    dead: Sequence[Instance]
    """Those that AWS still shows, for about an hour."""

    def owned_by(self, owner: str) -> Sequence[Instance]:
        return [instance for instance in self.alive if instance.owner == owner]


class Instances:
    """Finds instances, in all regions in which the service works."""

    def __init__(self, calls: Calls, regions: Sequence[str]) -> None:
        self._calls = calls
        self._regions = regions

    async def named(self, infra: str, name: str) -> Look:
        found = await asyncio.gather(
            *(self._find(region, tags.filters(infra=infra, name=name)) for region in self._regions)
        )
        ours = sorted((i for one in found for i in one if i.is_ours), key=lambda i: i.order)
        return Look([i for i in ours if i.is_alive], [i for i in ours if not i.is_alive])

    async def any_in(self, region: str, infra: str) -> bool:
        """Whether an instance of the infra is there that is not yet gone, whoever made it."""
        found = await self._find(region, tags.filters(infra=infra))
        return any(instance.state != "terminated" for instance in found)

    async def by_id(self, region: str, identity: str) -> Instance | None:
        """None for one that AWS does not know (any more)."""
        found = await self._find(region, [{"Name": "instance-id", "Values": [identity]}])
        return found[0] if found else None

    async def start(self, instance: Instance) -> None:
        await self._calls.ec2(instance.region, lambda ec2: ec2.start_instances(InstanceIds=[instance.id]))

    async def keep(self, instance: Instance, deletion: str = "yes") -> None:
        """From here on the attempt that launched it leaves it alone, and so does one at `deletion`."""
        kept = tags.as_list({tags.KEPT: deletion})
        await self._calls.ec2(
            instance.region, lambda ec2: ec2.create_tags(Resources=[instance.id], Tags=kept)
        )

    async def terminate(self, instance: Instance) -> None:
        """From here on it is gone for good, though AWS takes its time. Gone already is success."""
        await self._calls.ec2(instance.region, lambda ec2: _terminate(ec2, instance.id))

    async def _find(self, region: str, filters: "Sequence[FilterTypeDef]") -> list[Instance]:
        return await self._calls.ec2(region, lambda ec2: list(_described(ec2, region, filters)))


def _terminate(ec2: "EC2Client", identity: str) -> None:
    try:
        ec2.terminate_instances(InstanceIds=[identity])
    except ec2.exceptions.ClientError as error:
        if code_of(error) != "InvalidInstanceID.NotFound":
            raise


def client_token(infra: str, name: str, owner: str, generation: int) -> str:
    """What makes a launch idempotent for AWS. A token is used up for a day when its instance is gone."""
    return f"{_digest(infra, name, owner)}-{generation}"


def _digest(infra: str, name: str, owner: str) -> str:
    return hashlib.sha256(f"{infra}/{name} {owner}".encode()).hexdigest()[:48]


def _described(ec2: "EC2Client", region: str, filters: "Sequence[FilterTypeDef]") -> Iterator[Instance]:
    for page in ec2.get_paginator("describe_instances").paginate(Filters=filters):
        seen_at = _date_of(page)
        for reservation in page["Reservations"]:
            for shown in reservation.get("Instances", []):
                yield parsed(shown, region, seen_at)


def _date_of(answer: Mapping[str, Any]) -> datetime:
    """When AWS answered, by its own clock."""
    told = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return parsedate_to_datetime(told) if told else datetime.now(UTC)


def parsed(shown: "InstanceTypeDef", region: str, seen_at: datetime) -> Instance:
    reason = shown.get("StateReason", {})
    return Instance(
        id=shown["InstanceId"],
        region=region,
        state=shown["State"]["Name"],
        plan=shown["InstanceType"],
        zone=shown["Placement"]["AvailabilityZone"],
        launched=shown["LaunchTime"],
        seen_at=seen_at,
        token=shown.get("ClientToken", ""),
        tags=tags.as_mapping(shown.get("Tags", [])),
        public_address=shown.get("PublicIpAddress") or None,
        private_address=shown.get("PrivateIpAddress") or None,
        state_reason=(reason.get("Code", ""), reason.get("Message", "")),
    )
