"""What is written on a server at UpCloud, so that it says by itself what it is and whose."""

from collections.abc import Mapping
from typing import NamedTuple

from workflows.domain.resources import ServerSpec

_PREFIX = "provisioning-"
MANAGED_BY, SERVICE = "managed-by", "provisioning"
INFRA = f"{_PREFIX}infra"
NAME = f"{_PREFIX}name"
OWNER = f"{_PREFIX}owner"
ATTEMPT = f"{_PREFIX}attempt"
_WITHDRAWN = f"{_PREFIX}withdrawn"
_CALLED_OFF = f"{_PREFIX}called-off"
_IMAGE = f"{_PREFIX}image"
_SSH_USER = f"{_PREFIX}ssh-user"
_HOST_KEY = f"{_PREFIX}host-key"


class Inscription(NamedTuple):
    """What the labels say, in addition to a server's own labels."""

    owner: str
    """Id of the effect that made it."""
    attempt: str
    """Which attempt ordered it, and may take it back; empty where another one has taken it over."""
    host_key: str | None = None
    """Its public host key, where we chose it."""
    withdrawn: bool = False
    """Whether somebody has begun to remove it: it is nobody's server any more."""
    called_off: str | None = None
    """The last removal that was given up."""


def is_ours(key: str) -> bool:
    """Whether we set this label ourselves, or UpCloud does (an underscore in front)."""
    return key == MANAGED_BY or key.startswith((_PREFIX, "_"))


def name_labels(infra: str, name: str) -> dict[str, str]:
    """Those by which a server of this name is found, whoever made it."""
    return {INFRA: infra, NAME: name}


def labels_of(spec: ServerSpec, inscription: Inscription) -> dict[str, str]:
    """All labels of a server that is made for `spec`."""
    optional = {_IMAGE: spec.image, _SSH_USER: spec.ssh_user, _HOST_KEY: inscription.host_key}
    return {
        **spec.labels,
        MANAGED_BY: SERVICE,
        **name_labels(spec.infra, spec.name),
        OWNER: inscription.owner,
        ATTEMPT: inscription.attempt,
        **{key: value for key, value in optional.items() if value is not None},
    }


def inscription_of(labels: Mapping[str, str]) -> Inscription:
    """What `labels_of` wrote; empty words where a label was taken off."""
    return Inscription(
        owner=labels.get(OWNER, ""),
        attempt=labels.get(ATTEMPT, ""),
        host_key=labels.get(_HOST_KEY),
        withdrawn=_WITHDRAWN in labels,
        called_off=labels.get(_CALLED_OFF),
    )


def withdrawn(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels of the same server when it is about to be removed."""
    return {**labels, _WITHDRAWN: "yes"}


def called_off(labels: Mapping[str, str], removal: str) -> dict[str, str]:
    """The labels of the same server when `removal` has been given up, though it may still be down from it."""
    return {**labels, _CALLED_OFF: removal}


def reinstated(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels of the same server when it is one again."""
    return {key: value for key, value in labels.items() if key != _WITHDRAWN}


def spec_of(labels: Mapping[str, str], provider: str, plan: str, zone: str) -> ServerSpec:
    """The spec that a server with these labels, plan and zone was made for."""
    return ServerSpec(
        infra=labels.get(INFRA, ""),
        name=labels.get(NAME, ""),
        provider=provider,
        plan=plan,
        zone=zone,
        labels={key: value for key, value in labels.items() if not is_ours(key)},
        image=labels.get(_IMAGE),
        ssh_user=labels.get(_SSH_USER),
    )
