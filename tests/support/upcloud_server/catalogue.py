"""What this UpCloud has on offer."""

from typing import NamedTuple


class Plan(NamedTuple):
    name: str
    cores: int
    memory: int
    """MiB."""
    storage: int
    """GB."""


class Template(NamedTuple):
    uuid: str
    title: str
    kind: str
    size: int = 5


PLANS = {
    plan.name: plan
    for plan in (
        Plan("1xCPU-1GB", 1, 1024, 25),
        Plan("1xCPU-2GB", 1, 2048, 50),
        Plan("2xCPU-4GB", 2, 4096, 80),
        Plan("HIMEM-2xCPU-8GB", 2, 8192, 100),
        Plan("CLOUDNATIVE-1xCPU-4GB", 1, 4096, 0),
    )
}

ZONES = {
    "de-fra1": "Frankfurt #1",
    "fi-hel1": "Helsinki #1",
    "us-nyc1": "New York #1",
}

DEBIAN_12 = Template("01000000-0000-4000-8000-000020070100", "Debian GNU/Linux 12 (Bookworm)", "cloud-init")
DEBIAN_11 = Template("01000000-0000-4000-8000-000020060100", "Debian GNU/Linux 11 (Bullseye)", "native")
UBUNTU = Template(
    "01000000-0000-4000-8000-000030240200", "Ubuntu Server 24.04 LTS (Noble Numbat)", "cloud-init", size=8
)
TEMPLATES = {template.uuid: template for template in (DEBIAN_12, DEBIAN_11, UBUNTU)}
