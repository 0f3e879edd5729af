"""A server gone without trace: its instance, the volumes that outlive it, and the last one's security group.

Every step is found again by the tags, so one that was broken off is begun again from the start.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from activities.finishing import finish
from activities.providers.aws import tags
from activities.providers.aws.cloud import Cloud
from activities.providers.aws.errors import code_of
from activities.providers.aws.instances import Instance
from activities.providers.aws.places import region_of
from activities.providers.fitting import another_one, called_off
from workflows.domain.resources import Server, ServerSpec

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client
    from types_boto3_ec2.type_defs import FilterTypeDef


class Removal:
    """Removes servers, each for its owner alone."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def delete(self, server: Server, deletion: str | None = None) -> None:
        """As `CallsOffDeletions.delete`."""
        region = region_of(server.spec.zone, self._cloud.options.regions)
        look = await self._cloud.instances.named(server.spec.infra, server.spec.name)
        ours = look.owned_by(server.owner) or await self._without_tags(region, server)
        if look.alive and not ours:
            raise another_one(server, look.alive[0].owner)
        if deletion is not None and any(instance.is_kept_from(deletion) for instance in ours):
            raise called_off(server)
        dying = [instance for instance in look.dead if instance.owner == server.owner]
        await self._remove(server.spec, server.owner, [*ours, *dying])

    async def call_off(self, server: Server, deletion: str) -> bool:
        """AWS ends an instance at one blow: either nothing has been done to it, or it is lost.

        Another worker's attempt may have looked before it was told. So this looks again after longer than a
        call takes.
        """
        region = region_of(server.spec.zone, self._cloud.options.regions)
        for is_told in (False, True):
            found = await self._cloud.instances.by_id(region, server.provider_id)
            # One without an owner is this one, and somebody took its tags away.
            if found is None or not found.is_alive or found.owner not in (server.owner, ""):
                return False
            if not is_told:
                await self._cloud.instances.keep(found, deletion)
                await asyncio.sleep(self._cloud.patience.settled.total_seconds())
        return True

    async def abandon(self, spec: ServerSpec, owner: str) -> None:
        """Removes whatever `owner` has made of `spec`, also where another owner's counts."""
        look = await self._cloud.instances.named(spec.infra, spec.name)
        await self._remove(spec, owner, [i for i in (*look.alive, *look.dead) if i.owner == owner])

    async def _without_tags(self, region: str, server: Server) -> Sequence[Instance]:
        """The server by its id, where somebody took its tags away. Ids are never given again."""
        known = await self._cloud.instances.by_id(region, server.provider_id)
        return [known] if known is not None and known.is_alive and not known.owner else []

    async def _remove(self, spec: ServerSpec, owner: str, doomed: Sequence[Instance]) -> None:
        for instance in doomed:
            if instance.is_alive:
                # It goes on if nobody waits for it any more: who calls the deletion off has to see its end.
                await finish(asyncio.create_task(self._cloud.instances.terminate(instance)))
        for instance in doomed:
            await self._gone(instance)
        region = region_of(spec.zone, self._cloud.options.regions)
        await self._cloud.calls.ec2(region, lambda ec2: _remove_volumes(ec2, spec, owner))
        await self._cloud.doorways.tidy(region, spec.infra)

    async def _gone(self, instance: Instance) -> None:
        pause = self._cloud.patience.pause
        shown: Instance | None = instance
        while shown is not None and shown.state != "terminated":
            shown = await self._cloud.instances.by_id(instance.region, instance.id)
            if shown is not None and shown.state != "terminated":
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, self._cloud.patience.longest_pause)


def _remove_volumes(ec2: "EC2Client", spec: ServerSpec, owner: str) -> None:
    """Those that the image told to stay. What is attached to another instance by now is left alone."""
    ours = tags.filters(infra=spec.infra, name=spec.name, owner=owner)
    loose: FilterTypeDef = {"Name": "status", "Values": ["available"]}
    for volume in ec2.describe_volumes(Filters=[*ours, loose])["Volumes"]:
        try:
            ec2.delete_volume(VolumeId=volume["VolumeId"])
        except ec2.exceptions.ClientError as error:
            if code_of(error) != "InvalidVolume.NotFound":
                raise
