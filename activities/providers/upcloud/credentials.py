"""Who we are at UpCloud: credentials from the settings or from files, and no further than into a header."""

from collections.abc import Callable
from pathlib import Path

import upcloud_api
from pydantic import SecretStr

from activities.settings import Settings
from workflows.domain.errors import Refused

Authorization = Callable[[], str]
"""The header's value, made anew for each call: a file's content may be replaced while we run."""

_Secret = Callable[[], str]


def authorization(settings: Settings) -> Authorization | None:
    """None where the settings hold no credentials for UpCloud. A token goes before a password."""
    token = _secret(settings.upcloud_token, settings.upcloud_token_file)
    if token is not None:
        return lambda: _header(upcloud_api.Credentials(token=token()))
    username = settings.upcloud_username
    password = _secret(settings.upcloud_password, settings.upcloud_password_file)
    if username is not None and password is not None:
        return lambda: _header(upcloud_api.Credentials(username=username, password=password()))
    return None


def _secret(value: SecretStr | None, file: Path | None) -> _Secret | None:
    if value is not None:
        return value.get_secret_value
    return (lambda: _read(file)) if file is not None else None


def _read(file: Path) -> str:
    try:
        text = file.expanduser().read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Refused(f"UpCloud: the credentials file cannot be read: {reason}") from None
    if not text:
        raise Refused("UpCloud: the credentials file is empty")
    return text


def _header(credentials: upcloud_api.Credentials) -> str:
    return str(credentials.authorization)
