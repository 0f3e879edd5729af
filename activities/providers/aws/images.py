"""Which image a name stands for: the newest that its account has published."""

from typing import TYPE_CHECKING

from activities.providers.aws import places
from activities.providers.aws.calls import Calls
from workflows.domain.errors import Refused

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client


async def image_id(calls: Calls, region: str, image: str) -> str:
    """The id in this region; an id is given back as it is.

    Raises:
        Refused: the account has no image of that name there.
    """
    if places.is_image_id(image):
        return image
    owner, name = places.named_image(image)
    found = await calls.ec2(region, lambda ec2: _newest(ec2, owner, name))
    if found is None:
        raise Refused(f"the account {owner} has no image {name!r} in {region}")
    return found


def _newest(ec2: "EC2Client", owner: str, name: str) -> str | None:
    filters = {"name": name, "state": "available"}
    images = ec2.describe_images(
        Owners=[owner], Filters=[{"Name": key, "Values": [value]} for key, value in filters.items()]
    )["Images"]
    newest = max(images, key=lambda i: (i["CreationDate"], i["ImageId"]), default=None)
    return newest["ImageId"] if newest is not None else None
