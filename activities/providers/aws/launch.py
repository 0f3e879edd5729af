"""The call that makes an instance, the same to the last byte however often it is made."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from activities.providers.aws import tags
from activities.providers.aws.doorway import Doorway
from activities.providers.aws.instances import Instance, client_token, parsed
from activities.providers.aws.user_data import user_data
from activities.remote.host_keys import HostKey
from workflows.domain.resources import ServerSpec

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client


class Launch(NamedTuple):
    spec: ServerSpec
    owner: str
    login: str
    image_id: str
    doorway: Doorway
    host_key: HostKey

    def call(self, region: str, generation: int) -> "Callable[[EC2Client], Instance]":
        """Launches the instance, or with the same generation returns the one that was launched before."""
        return lambda ec2: self._run(ec2, region, generation)

    def _run(self, ec2: "EC2Client", region: str, generation: int) -> Instance:
        spec = self.spec
        all_tags = tags.as_list(tags.of_server(spec, self.owner, self.host_key.public, self.login))
        answer = ec2.run_instances(
            MinCount=1,
            MaxCount=1,
            ClientToken=client_token(spec.infra, spec.name, self.owner, generation),
            ImageId=self.image_id,
            InstanceType=spec.plan,  # type: ignore[arg-type] # which ones there are, AWS knows
            Placement={"AvailabilityZone": spec.zone},
            KeyName=self.doorway.key_name,
            SecurityGroupIds=[self.doorway.group_id],
            UserData=user_data(self.host_key),
            # A program on the server that can be made to fetch an address must not get at the user data.
            MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": all_tags},
                {"ResourceType": "volume", "Tags": all_tags},
            ],
        )
        return parsed(answer["Instances"][0], region, datetime.now(UTC))
