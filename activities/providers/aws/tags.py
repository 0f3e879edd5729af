"""The tags by which a server is found again, and the labels, which are tags too.

Everything that another attempt or another worker needs to know of a server stands here, so that nothing has
to be remembered between the call that makes it and the ledger.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from workflows.domain.errors import InvalidRequest
from workflows.domain.resources import ServerSpec

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import FilterTypeDef, TagTypeDef

PREFIX = "provisioning:"
INFRA = f"{PREFIX}infra"
NAME = f"{PREFIX}name"
OWNER = f"{PREFIX}owner"
"""Id of the effect that made the server."""
HOST_KEY = f"{PREFIX}host-key"
"""The public key line that the server shows over SSH."""
LOGIN = f"{PREFIX}login"
"""Who logs in."""
IMAGE = f"{PREFIX}image"
"""The image as it was asked for; without it, it was the default one."""
SSH_USER = f"{PREFIX}ssh-user"
"""The user as it was asked for; without it, it was the default one."""
KEPT = f"{PREFIX}kept"
"""There, if an attempt has taken it over from the one that launched it, which then may not take it back, or
if its deletion has been called off: then the value is that deletion's id, and no attempt at it goes on."""

MANAGED = {"managed-by": "provisioning"}
_SHOWN = "Name"
"""What AWS's own console calls the server."""

_MOST = 40
"""Labels of one server: AWS has room for 50 tags."""
_LONGEST_KEY, _LONGEST_VALUE = 128, 256


def check(spec: ServerSpec) -> None:
    """Refuses labels that cannot be tags.

    Raises:
        InvalidRequest: naming the label.
    """
    where = f"server {spec.key}"
    if len(spec.labels) > _MOST:
        raise InvalidRequest(f"{where}: {len(spec.labels)} labels are more than the {_MOST} that AWS takes")
    for key, value in spec.labels.items():
        if not _is_label(key):
            raise InvalidRequest(f"{where}: the label {key!r} is a tag that AWS or this service sets itself")
        if len(key) > _LONGEST_KEY or len(value) > _LONGEST_VALUE:
            raise InvalidRequest(
                f"{where}: the label {key[:40]!r} is too long; AWS takes {_LONGEST_KEY} characters for the "
                f"key and {_LONGEST_VALUE} for the value"
            )


def of_server(spec: ServerSpec, owner: str, host_key: str, login: str) -> Mapping[str, str]:
    """All tags of an instance, and of its volumes."""
    asked = {IMAGE: spec.image, SSH_USER: spec.ssh_user}
    return {
        **spec.labels,
        **MANAGED,
        _SHOWN: spec.key,
        INFRA: spec.infra,
        NAME: spec.name,
        OWNER: owner,
        HOST_KEY: host_key,
        LOGIN: login,
        **{key: value for key, value in asked.items() if value is not None},
    }


def labels(tags: Mapping[str, str]) -> dict[str, str]:
    """Those tags that are neither ours nor AWS's."""
    return {key: value for key, value in tags.items() if _is_label(key)}


def _is_label(key: str) -> bool:
    return not key.startswith((PREFIX, "aws:")) and key not in (_SHOWN, *MANAGED)


def filters(**wanted: str) -> list["FilterTypeDef"]:
    """Finds what we manage, by `infra`, `name` and `owner` as far as they are given."""
    ours = {PREFIX + key: value for key, value in wanted.items()}
    return [{"Name": f"tag:{key}", "Values": [value]} for key, value in {**MANAGED, **ours}.items()]


def as_list(tags: Mapping[str, str]) -> "Sequence[TagTypeDef]":
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def as_mapping(tags: "Sequence[TagTypeDef]") -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}
