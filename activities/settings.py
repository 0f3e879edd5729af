"""Every setting, from environment variables named `PROVISIONING_` and the field's name in capitals."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

PREFIX = "PROVISIONING_"
OF_THE_COMMAND_LINE = frozenset({"PROVISIONING_PROFILE"})
"""What bears the prefix, is exported in the same shells, and is no setting."""

_ORIGIN = r"https?://[^\s/?#@*,]+"
_SAFE_URL = r"^(https://|http://(localhost|127\.\d+\.\d+\.\d+|\[::1\])[:/])[^\s?#@]*$"
_REGION = r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}"
_REGIONS = rf"^(\s*{_REGION}\s*(,\s*{_REGION}\s*)*)?$"
_ORIGINS = rf"^(\s*{_ORIGIN}\s*(,\s*{_ORIGIN}\s*)*)?$"


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
    temporal_tls: bool = False
    """Whether Temporal is reached over TLS; it is, too, where one of the following five is set."""
    temporal_ca_file: Path | None = None
    """Who vouches for Temporal's certificate, in PEM; without it, whom this machine trusts."""
    temporal_cert_file: Path | None = None
    """Our own certificate, in PEM, where Temporal wants one; `temporal_key_file` has its key."""
    temporal_key_file: Path | None = None
    temporal_server_name: str | None = None
    """The name in Temporal's certificate, where it is not the address's."""
    temporal_api_key: SecretStr | None = None
    task_queue: str = "provisioning"
    mongodb_uri: SecretStr | None = None
    mongodb_database: str = "provisioning"
    admin_username: str = "admin"
    admin_password: SecretStr | None = None
    jwt_secret: SecretStr | None = None
    jwt_previous_secrets: SecretStr | None = None
    """Secrets whose tokens still hold, separated by commas: those before the last rotation."""
    token_lifetime: int = Field(default=3600, ge=60)
    """Seconds that a token holds."""
    session_lifetime: int = Field(default=7 * 24 * 3600, ge=60)
    """Seconds after a login for which its token may be refreshed."""
    audit_retention_days: int = Field(default=365, ge=1, le=36_500)
    """Days after which an entry of the audit log is forgotten, from when it was written."""
    login_window: int = Field(default=60, ge=1)
    """Seconds in which failed logins are counted."""
    encryption_key: SecretStr | None = None
    """What secrets in the database are encrypted with; several, separated by commas: the first encrypts."""
    payload_keys: SecretStr | None = None
    """What payloads at Temporal are encrypted with; several, separated by commas: the first encrypts."""
    payload_keys_file: Path | None = None
    """A file that holds the keys, one a line, in their place; it is read again when it changes."""
    codec_origins: str = Field(default="", pattern=_ORIGINS)
    """Where Temporal UIs are that may have payloads decoded, separated by commas; the embedded one may."""
    surrealdb_port: int = Field(default=8000, ge=1, le=65535)
    surrealdb_url: str | None = Field(default=None, pattern=r"^wss?://[^\s/?#@]+/?$")
    """A SurrealDB server, as `ws://host:port`; without it the embedded one is used."""
    surrealdb_username: str | None = None
    surrealdb_password: SecretStr | None = None
    surrealdb_namespace: str = Field(default="provisioning", pattern=r"^\w+$")
    surrealdb_database: str = Field(default="provisioning", pattern=r"^\w+$")
    aws_regions: str = Field(default="", pattern=_REGIONS)
    """Where servers at AWS may be, separated by commas; without any, AWS is not offered."""
    aws_endpoint_url: str | None = Field(default=None, pattern=rf"^{_ORIGIN}/?$")
    """Who is asked instead of AWS itself, such as a test server."""
    aws_access_key_id: SecretStr | None = None
    aws_secret_access_key: SecretStr | None = None
    aws_session_token: SecretStr | None = None
    aws_credentials_file: Path | None = None
    aws_profile: str | None = None
    """Of the credentials file."""
    aws_image: str = "136693071363/debian-12-amd64-*"
    """What servers start with that name no image: an id, or an account and a name, whose newest is taken."""
    aws_ssh_user: str = Field(default="admin", pattern=r"^[a-z_][a-z0-9_-]{0,31}$")
    """Whom that image lets in."""
    aws_address: Literal["public", "private"] = "public"
    """At which of its addresses a server is reached."""
    aws_ssh_sources: str = "0.0.0.0/0"
    """Networks from which SSH is let in, separated by commas."""
    aws_open_ports: str = ""
    """TCP ports that everybody reaches, separated by commas."""
    upcloud_url: str = Field(default="https://api.upcloud.com/1.3", pattern=_SAFE_URL)
    """Where UpCloud's API is; without TLS only on this machine."""
    upcloud_token: SecretStr | None = None
    upcloud_token_file: Path | None = None
    """A file that holds the token, in its place; likewise for the password."""
    upcloud_username: str | None = None
    upcloud_password: SecretStr | None = None
    upcloud_password_file: Path | None = None
    upcloud_template: str = Field(default="Debian GNU/Linux 12 (Bookworm)", min_length=1, max_length=255)
    """Title or UUID of what servers start with that name no image."""
    upcloud_address: Literal["public", "private"] = "public"
    """At which of its addresses a server is reached."""
    upcloud_ssh_port: int = Field(default=22, ge=1, le=65535)
    """Where the servers' SSH servers listen."""
    cache_dir: Path = Path("~/.cache/provisioning")
    """What can be built again: the local servers' base image and downloaded packages."""
    infra_dir: Path = Path("deploy/infra")
    catalogue_dirs: str = ""
    """Further catalogue folders, separated by colons; a later one wins over an earlier one."""
    local_isolation: Literal["auto", "box", "process", "off"] = "auto"
    """How local servers are kept apart; `off` offers none, as where the workers run on several machines."""
    max_operations: int = Field(default=10_000, ge=1)
    """Operations of one batch, and servers that one batch may make."""
    max_body_bytes: int = Field(default=8 * 1024 * 1024, ge=1024)
    max_string_length: int = Field(default=65_536, ge=1024)
    """Characters of any one text in a body."""
    body_timeout: int = Field(default=60, ge=1)
    """Seconds within which a body must have arrived."""
    workers: int = Field(default=1, ge=1, le=64)
    """Worker processes of the embedded stack."""
    pulse_file: Path | None = None
    """Where a worker says every few seconds that it lives (`activities/pulse.py`)."""
    cors_origins: str = Field(default="", pattern=_ORIGINS)
    """Origins whose pages may call the API, separated by commas; each is named, there is no `*`."""
    metrics_token: SecretStr | None = Field(default=None, min_length=16)
    """With it as a bearer token, `/metrics` of the API may be read; without, by viewers alone."""
    worker_metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """Where a worker serves its metrics; of several on one machine the next has the next port."""
    worker_metrics_host: str = "127.0.0.1"
    tracing_endpoint: str | None = Field(default=None, pattern=rf"^{_ORIGIN}/?$")
    """A collector that takes OTLP over HTTP, as `http://127.0.0.1:4318`; without it nothing is traced."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"

    @model_validator(mode="after")
    def _certificate_and_key(self) -> Self:
        if (self.temporal_cert_file is None) != (self.temporal_key_file is None):
            raise ValueError(f"{PREFIX}TEMPORAL_CERT_FILE and {PREFIX}TEMPORAL_KEY_FILE go together")
        return self

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Reads the variables that bear the prefix; empty ones count as not set.

        A secret may also stand in a file, which its variable with `_FILE` at the end names.

        Raises:
            SettingsError: naming each unknown or unusable variable, or a file that cannot be used.
        """
        values = {
            name.removeprefix(PREFIX).lower(): value
            for name, value in environment.items()
            if name.startswith(PREFIX) and name not in OF_THE_COMMAND_LINE and value
        }
        try:
            return cls.model_validate(_with_files(values))
        except ValidationError as error:
            raise SettingsError("\n".join(map(_line, error.errors()))) from None

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

    @property
    def codec_pages(self) -> tuple[str, ...]:
        """The origins of Temporal UIs that may have payloads decoded."""
        named = tuple(origin.strip() for origin in self.codec_origins.split(",") if origin.strip())
        if named or self.temporal_address is not None:
            return named
        return tuple(f"http://{host}:{self.temporal_ui_port}" for host in ("127.0.0.1", "localhost"))


def _line(error: ErrorDetails) -> str:
    """What is wrong, in a line; one that concerns several settings names them itself."""
    message = error["msg"].removeprefix("Value error, ")
    return f"{PREFIX}{str(error['loc'][0]).upper()}: {message}" if error["loc"] else message


def _with_files(values: Mapping[str, str]) -> dict[str, str]:
    """`values`, with secrets in the place of the files that hold them."""
    found = dict(values)
    for name in SECRETS:
        file = found.pop(f"{name}_file", None)
        if file is None:
            continue
        if name in found:
            raise SettingsError(f"{PREFIX}{name.upper()} and {PREFIX}{name.upper()}_FILE are both set")
        found[name] = _secret_in(file, f"{PREFIX}{name.upper()}_FILE")
    return found


def _secret_in(file: str, variable: str) -> str:
    try:
        text = Path(file).expanduser().read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SettingsError(f"{variable}: {file} cannot be read: {reason}") from None
    if not text:
        raise SettingsError(f"{variable}: {file} is empty")
    return text


def _is_secret(field: FieldInfo) -> bool:
    return SecretStr in (field.annotation, *get_args(field.annotation))


SECRETS = tuple(
    name
    for name, field in Settings.model_fields.items()
    if _is_secret(field) and f"{name}_file" not in Settings.model_fields
)
"""What may stand in a file. UpCloud's are left out: their files are settings, and read again at each call."""
