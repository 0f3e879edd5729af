"""Every setting, from environment variables named `PROVISIONING_` and the field's name in capitals."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

PREFIX = "PROVISIONING_"


class SettingsError(Exception):
    """A setting has a value that cannot be used. The message is one line for each."""


class Settings(BaseModel):
    """All settings, with their defaults. Frozen, and handed down by the composition roots."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state_dir: Path = Path(".provisioning")
    host: str = "127.0.0.1"
    api_port: int = Field(default=8080, ge=1, le=65535)
    control_center_port: int = Field(default=8081, ge=1, le=65535)
    temporal_port: int = Field(default=7233, ge=1, le=65535)
    temporal_ui_port: int = Field(default=8233, ge=1, le=65535)
    mongodb_port: int = Field(default=27017, ge=1, le=65535)
    temporal_address: str | None = None
    temporal_namespace: str = "default"
    task_queue: str = "provisioning"
    mongodb_uri: SecretStr | None = None
    mongodb_database: str = "provisioning"
    admin_username: str = "admin"
    admin_password: SecretStr | None = None
    jwt_secret: SecretStr | None = None
    token_lifetime: int = Field(default=3600, ge=60)
    cache_dir: Path = Path("~/.cache/provisioning")
    """What can be built again: the local servers' base image and downloaded packages."""
    infra_dir: Path = Path("deploy/infra")
    catalogue_dirs: str = ""
    """Further catalogue folders, separated by colons; a later one wins over an earlier one."""
    local_isolation: Literal["auto", "box", "process"] = "auto"
    max_operations: int = Field(default=10_000, ge=1)
    """Operations of one batch, and servers that one batch may make."""
    max_body_bytes: int = Field(default=8 * 1024 * 1024, ge=1024)
    workers: int = Field(default=1, ge=1, le=64)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Reads the variables that bear the prefix; empty ones count as not set.

        Raises:
            SettingsError: naming each unknown or unusable variable.
        """
        values = {
            name.removeprefix(PREFIX).lower(): value
            for name, value in environment.items()
            if name.startswith(PREFIX) and value
        }
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            lines = (f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
            raise SettingsError("\n".join(lines)) from None

    @property
    def temporal_target(self) -> str:
        """`host:port` of the Temporal frontend."""
        return self.temporal_address or f"127.0.0.1:{self.temporal_port}"

    @property
    def mongodb_target(self) -> str:
        """The MongoDB URI. The embedded server wants no replica-set discovery and no retryable writes."""
        if self.mongodb_uri is not None:
            return self.mongodb_uri.get_secret_value()
        return f"mongodb://127.0.0.1:{self.mongodb_port}/?directConnection=true&retryWrites=false"
