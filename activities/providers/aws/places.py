"""The form of plans, zones and images. Which ones there really are, AWS alone knows."""

import re
from collections.abc import Sequence

from workflows.domain.errors import InvalidRequest
from workflows.domain.resources import ServerSpec

REGION = r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}"

_PLAN = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+", re.ASCII)
_AMI = re.compile(r"ami-[0-9a-f]{8,17}", re.ASCII)
_NAMED_IMAGE = re.compile(r"(?P<owner>[0-9]{12}|amazon|aws-marketplace|self)/(?P<name>[\x20-\x7e]{1,128})")


def check(spec: ServerSpec, regions: Sequence[str]) -> None:
    """Refuses what cannot be a server at AWS.

    Raises:
        InvalidRequest: saying what is possible instead.
    """
    if _PLAN.fullmatch(spec.plan) is None:
        raise InvalidRequest(
            f"server {spec.key}: AWS has no plan {spec.plan!r}; plans are instance types such as t3.micro"
        )
    if _region_of(spec.zone, regions) is None:
        raise InvalidRequest(
            f"server {spec.key}: there is no zone {spec.zone!r} here; zones are the availability zones of "
            f"{', '.join(regions)}, such as {regions[0]}a"
        )
    if spec.image is not None:
        check_image(spec.image, f"server {spec.key}: ")


def region_of(zone: str, regions: Sequence[str]) -> str:
    """Raises InvalidRequest for a zone of none of the regions."""
    region = _region_of(zone, regions)
    if region is None:
        raise InvalidRequest(f"the zone {zone!r} is in none of the regions {', '.join(regions)}")
    return region


def _region_of(zone: str, regions: Sequence[str]) -> str | None:
    """Zones are a region and a letter, or for local and wavelength zones a region, a place and a letter."""
    for region in regions:
        if re.fullmatch(rf"{re.escape(region)}([a-z]|-[a-z0-9-]+[a-z])", zone, re.ASCII):
            return region
    return None


def check_image(image: str, where: str = "") -> None:
    """Raises InvalidRequest for what is neither the id of an image nor an owner and a name."""
    if _AMI.fullmatch(image) is None:
        named_image(image, where)


def is_image_id(image: str) -> bool:
    return _AMI.fullmatch(image) is not None


def named_image(image: str, where: str = "") -> tuple[str, str]:
    """Owner and name of an image that is given by them. Raises InvalidRequest."""
    found = _NAMED_IMAGE.fullmatch(image)
    if found is None:
        raise InvalidRequest(
            f"{where}{image!r} is no image of AWS; images are ids such as ami-0123456789abcdef0, or an "
            "account and a name, which may have wildcards, such as 136693071363/debian-12-amd64-*"
        )
    return found["owner"], found["name"]
