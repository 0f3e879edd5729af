"""Logging in and out, and whether the service is there."""

import os
from http import HTTPStatus
from typing import Annotated

import typer
from pydantic import BaseModel, JsonValue, ValidationError

from api.cli import prompts
from api.cli.client import DEFAULT_SERVER, Client, is_in_the_clear, server_url
from api.cli.errors import NotLoggedIn, Refused, Unreachable, WrongUsage
from api.cli.options import DEFAULT_PROFILE, JsonOption, PasswordStdinOption, ProfileOption, ServerOption
from api.cli.output import show_one, tell
from api.cli.profiles import Profile, Profiles
from api.cli.session import Session, received

_WHO = ("username", "roles", "server", "profile", "expires_at")


def login(
    *,
    server: ServerOption = None,
    username: Annotated[str | None, typer.Option("--username", help="Asked for if left out.")] = None,
    password_stdin: PasswordStdinOption = False,
    mfa_code: Annotated[
        str | None, typer.Option("--mfa-code", help="The code that an authenticator shows.")
    ] = None,
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: JsonOption = False,
) -> None:
    """Log in, and keep the login in a profile."""
    profiles = Profiles.of_user(os.environ)
    known = _known(profiles, profile)
    server = server_url(server or (known.server if known else DEFAULT_SERVER))
    username = username or _ask_username(known.username if known and known.server == server else "")
    if is_in_the_clear(server):
        tell(f"warning: the password goes to {server} unencrypted")
    password = prompts.password(from_stdin=password_stdin)
    answer = _log_in(server, {"username": username, "password": password}, mfa_code)
    fresh = Profile(server=server, username=username, roles=_roles(answer), token=received(answer, server))
    with profiles.locked(profile):
        profiles.write(profile, fresh)
    show_one(_who(profile, fresh), _WHO, as_json=as_json)


def logout(profile: ProfileOption = DEFAULT_PROFILE, as_json: JsonOption = False) -> None:
    """Forget the login, and make its token worthless."""
    try:
        was_logged_in = Session(Profiles.of_user(os.environ), profile).void()
    except (Unreachable, Refused) as error:
        was_logged_in = True
        tell(f"warning: forgotten here; the service did not void the token, which ends by itself: {error}")
    row: dict[str, JsonValue] = {"profile": profile, "was_logged_in": was_logged_in}
    show_one(row, ("profile", "was_logged_in"), as_json=as_json)


def whoami(profile: ProfileOption = DEFAULT_PROFILE, as_json: JsonOption = False) -> None:
    """Show who is logged in where, if the service still accepts it. Roles are those at the login."""
    session = Session(Profiles.of_user(os.environ), profile)
    try:
        session.call("GET", "/tasks?limit=1")
    except Refused as refusal:
        # Known to the service, if without a role.
        if refusal.status != HTTPStatus.FORBIDDEN:
            raise
    show_one(_who(profile, session.current()), _WHO, as_json=as_json)


def health(
    server: ServerOption = None, profile: ProfileOption = DEFAULT_PROFILE, as_json: JsonOption = False
) -> None:
    """Ask whether the service can do its job: exit code 0 if so, 3 if not."""
    if server is None:
        known = Profiles.of_user(os.environ).read(profile)
        server = known.server if known else DEFAULT_SERVER
    with Client(server) as client:
        message = client.call("GET", "/health")
        show_one({"server": client.server, "health": message}, ("server", "health"), as_json=as_json)


def _known(profiles: Profiles, name: str) -> Profile | None:
    try:
        return profiles.read(name)
    except WrongUsage as error:
        tell(f"warning: {error}")
        return None


def _ask_username(default: str) -> str:
    if not prompts.can_ask():
        if default:
            return default
        raise WrongUsage("no username: stdin is no terminal, so give --username")
    username = prompts.ask("Username", default)
    if not username:
        raise WrongUsage("no username was given")
    return username


def _log_in(server: str, credentials: dict[str, JsonValue], mfa_code: str | None) -> JsonValue:
    """The service's answer; a refused person is asked for a code once, since a refusal does not tell why."""
    with Client(server) as client:
        if mfa_code:
            return client.call("POST", "/auth/login", credentials | {"mfa_code": mfa_code})
        try:
            return client.call("POST", "/auth/login", credentials)
        except NotLoggedIn:
            if not prompts.can_ask():
                raise
            code = prompts.ask_code("Refused. MFA code, if this user has one (empty: give up)")
            if not code:
                raise
        return client.call("POST", "/auth/login", credentials | {"mfa_code": code})


class _LoggedIn(BaseModel):
    class User(BaseModel):
        roles: tuple[str, ...]

    user: User


def _roles(answer: JsonValue) -> tuple[str, ...]:
    try:
        return _LoggedIn.model_validate(answer).user.roles
    except ValidationError:
        return ()


def _who(name: str, profile: Profile) -> dict[str, JsonValue]:
    return {
        "username": profile.username,
        "roles": list(profile.roles),
        "server": profile.server,
        "profile": name,
        "expires_at": profile.token.expires_at.isoformat() if profile.token else None,
    }
