"""What an operator decides about servers at AWS, from the settings."""

import ipaddress
from pathlib import Path
from typing import NamedTuple

from activities.providers.aws import places
from activities.settings import Settings
from workflows.domain.errors import InvalidRequest


class Options(NamedTuple):
    regions: tuple[str, ...]
    """Where servers may be, and are looked for."""
    image: str
    """Where a server names none."""
    ssh_user: str
    """Where a server names none."""
    public: bool
    """Whether servers are reached at their public address, and not at the private one."""
    ssh_sources: tuple[str, ...]
    """Networks that reach the servers' SSH port."""
    open_ports: tuple[int, ...]
    """TCP ports that everybody reaches."""
    state_dir: Path
    """Where the service's own key is."""

    @classmethod
    def of(cls, settings: Settings) -> "Options":
        """Raises ValueError, naming the setting, where one cannot be used."""
        if (settings.aws_access_key_id is None) != (settings.aws_secret_access_key is None):
            raise ValueError("PROVISIONING_AWS_ACCESS_KEY_ID and ..._SECRET_ACCESS_KEY go together")
        return cls(
            regions=_parts(settings.aws_regions),
            image=_image(settings.aws_image),
            ssh_user=settings.aws_ssh_user,
            public=settings.aws_address == "public",
            ssh_sources=tuple(_network(part) for part in _parts(settings.aws_ssh_sources)),
            open_ports=tuple(_port(part) for part in _parts(settings.aws_open_ports)),
            state_dir=settings.state_dir.expanduser().absolute(),
        )


def _parts(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _image(text: str) -> str:
    try:
        places.check_image(text)
    except InvalidRequest as error:
        raise ValueError(f"PROVISIONING_AWS_IMAGE: {error}") from None
    return text


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise ValueError(f"PROVISIONING_AWS_SSH_SOURCES: {error}") from None


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise ValueError(f"PROVISIONING_AWS_OPEN_PORTS: {text!r} is no port")
    return int(text)
