"""Which plans, zones and names a local server may have."""

import re

from workflows.domain.errors import InvalidRequest
from workflows.domain.resources import ServerSpec

MAX_CPUS = 64
MAX_MEMORY = 512
"""GB. Plans are labels here: all servers share this machine, so they are not limits (see provider.py)."""

_PLAN = re.compile(r"(?P<cpus>[1-9][0-9]{0,3})xCPU-(?P<memory>[1-9][0-9]{0,3})GB", re.ASCII)
_ZONE = re.compile(r"local(-[a-z0-9])?", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", re.ASCII)


def check(spec: ServerSpec) -> None:
    """Refuses what a local server cannot be.

    Raises:
        InvalidRequest: saying what is possible instead.
    """
    plan = _PLAN.fullmatch(spec.plan)
    if plan is None or int(plan["cpus"]) > MAX_CPUS or int(plan["memory"]) > MAX_MEMORY:
        raise InvalidRequest(
            f"server {spec.key}: the local provider has no plan {spec.plan!r}; plans are <n>xCPU-<m>GB with "
            f"1 to {MAX_CPUS} CPUs and 1 to {MAX_MEMORY} GB, such as 1xCPU-2GB"
        )
    if _ZONE.fullmatch(spec.zone) is None:
        raise InvalidRequest(
            f"server {spec.key}: the local provider has no zone {spec.zone!r}; zones are local, "
            "and local-a to local-z and local-0 to local-9"
        )
    if spec.image is not None or spec.ssh_user is not None:
        raise InvalidRequest(
            f"server {spec.key}: a local server has the one image and the one user that there are; "
            "leave image and ssh_user out"
        )
    for name in (spec.infra, spec.name):
        check_name(name)


def check_name(name: str) -> None:
    """Refuses what cannot be a host name and a directory.

    Raises:
        InvalidRequest: naming the form.
    """
    if _NAME.fullmatch(name) is None:
        raise InvalidRequest(
            f"{name[:80]!r} cannot name a local server or infra: up to 63 letters, digits, dots, hyphens and "
            "underscores, with a letter or digit at both ends"
        )
