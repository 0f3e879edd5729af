"""Which plans, zones, names and labels a server at UpCloud may have, as far as their form tells."""

import re
from collections.abc import Mapping

from activities.providers.upcloud.labels import is_ours
from workflows.domain.errors import InvalidRequest
from workflows.domain.resources import ServerSpec

_PLAN = re.compile(r"([A-Z][A-Z0-9]*-)?[1-9][0-9]{0,3}xCPU-[1-9][0-9]{0,4}GB(-[A-Za-z0-9]+)*", re.ASCII)
_ZONE = re.compile(r"[a-z]{2}-[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_PART = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST_NAME = re.compile(rf"(?=.{{1,63}}\Z){_PART}(\.{_PART})*", re.ASCII)
_INFRA = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", re.ASCII)
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)
_IMAGE = re.compile(r"[^\x00-\x1f\x7f]{1,255}")
_KEY = re.compile(r"(?!_)[ -~]{2,32}", re.ASCII)
_VALUE = re.compile(r"[^\x00-\x1f\x7f]{0,255}")


def check(spec: ServerSpec) -> None:
    """Refuses what cannot be a server at UpCloud.

    Raises:
        InvalidRequest: naming the form that is wanted.
    """
    _check(spec, "plan", spec.plan, _PLAN, "such as 1xCPU-2GB or HIMEM-2xCPU-8GB")
    _check(spec, "zone", spec.zone, _ZONE, "such as de-fra1")
    _check(spec, "name", spec.name, _HOST_NAME, "a host name of up to 63 characters")
    _check(
        spec,
        "infra",
        spec.infra,
        _INFRA,
        "up to 63 letters, digits, dots, hyphens and underscores, with a letter or digit at both ends",
    )
    if spec.image is not None:
        _check(spec, "image", spec.image, _IMAGE, "the title or UUID of a template")
    if spec.ssh_user is not None:
        _check(spec, "ssh_user", spec.ssh_user, _USER, "the name of a user on Linux")
    _check_labels(spec, spec.labels)


def _check_labels(spec: ServerSpec, labels: Mapping[str, str]) -> None:
    for key, value in labels.items():
        _check(spec, "label", key, _KEY, "2 to 32 printable ASCII characters, the first no underscore")
        _check(spec, f"value of the label {key}", value, _VALUE, "up to 255 printable characters")
        if is_ours(key):
            raise InvalidRequest(f"server {spec.key}: the label {key!r} is one that this service sets itself")


def _check(spec: ServerSpec, what: str, value: str, form: re.Pattern[str], wanted: str) -> None:
    if form.fullmatch(value) is None:
        raise InvalidRequest(
            f"server {spec.key[:130]}: UpCloud has no {what} {value[:80]!r}; wanted is {wanted}"
        )
