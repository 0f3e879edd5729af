"""How SurrealDB is reached: the embedded one and a server alike, by RPC with a user and a password."""

from pathlib import Path
from typing import NamedTuple

from activities.secret_files import kept_secret
from activities.settings import Settings

USERNAME = "provisioning"
"""The one user of the embedded server."""


class Access(NamedTuple):
    url: str
    namespace: str
    database: str
    username: str | None
    password: str | None


def access(settings: Settings) -> Access:
    """Where the settings lead to.

    Raises:
        OSError: the embedded server's secret can neither be read nor made.
    """
    place = settings.surrealdb_namespace, settings.surrealdb_database
    if settings.surrealdb_url is None:
        url = f"ws://127.0.0.1:{settings.surrealdb_port}"
        return Access(url, *place, USERNAME, embedded_secret(settings.state_dir))
    password = settings.surrealdb_password
    return Access(
        settings.surrealdb_url.rstrip("/"),
        *place,
        settings.surrealdb_username,
        password.get_secret_value() if password is not None else None,
    )


def embedded_secret(state_dir: Path) -> str:
    """The embedded server's password: loopback is open to every user of the machine, this file is not.

    Whoever needs it first makes it, the server or one of its clients.
    """
    return kept_secret(state_dir / "surrealdb-secret").value
