"""`provisioning users`: who may use the service. All of it needs the role admin."""

import shlex
from typing import Annotated

import typer
from pydantic import JsonValue

from api.cli import prompts
from api.cli.answers import Answer, as_fields, as_rows, valid
from api.cli.client import part_of_path
from api.cli.errors import WrongUsage
from api.cli.options import DEFAULT_PROFILE, JsonOption, PasswordStdinOption, ProfileOption
from api.cli.output import show_one, show_rows, tell
from api.cli.qr import show_qr
from api.cli.session import Session, session_of

app = typer.Typer(help="Manage the users of the service.", no_args_is_help=True)

_COLUMNS = ("username", "email", "roles", "disabled", "mfa_enabled", "created_at")
_ENROLMENT = ("username", "uri", "secret")


def _role_names() -> list[str]:
    return ["viewer", "operator", "admin"]


Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]


@app.command("list")
def list_users(profile: ProfileOption = DEFAULT_PROFILE, as_json: JsonOption = False) -> None:
    """List all users."""
    users = as_rows(session_of(profile).call("GET", "/users"))
    show_rows(users, _COLUMNS, as_json=as_json)


@app.command()
def add(
    *,
    name: Name,
    roles: Annotated[
        list[str],
        typer.Option("--role", help="viewer, operator or admin; repeatable.", autocompletion=_role_names),
    ],
    email: Annotated[str | None, typer.Option("--email")] = None,
    password_stdin: PasswordStdinOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: JsonOption = False,
) -> None:
    """Add a user, and set the first password."""
    session = session_of(profile)
    password = prompts.password(from_stdin=password_stdin, new=True)
    body: dict[str, JsonValue] = {"username": name, "password": password, "roles": list(roles)}
    if email is not None:
        body["email"] = email
    _show(session.call("POST", "/users", body), as_json)


@app.command()
def disable(name: Name, profile: ProfileOption = DEFAULT_PROFILE, as_json: JsonOption = False) -> None:
    """Shut a user out, at once."""
    _show(session_of(profile).call("PATCH", _path(name), {"disabled": True}), as_json)


@app.command()
def enable(name: Name, profile: ProfileOption = DEFAULT_PROFILE, as_json: JsonOption = False) -> None:
    """Let a disabled user in again."""
    _show(session_of(profile).call("PATCH", _path(name), {"disabled": False}), as_json)


@app.command("set-password")
def set_password(
    name: Name,
    password_stdin: PasswordStdinOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: JsonOption = False,
) -> None:
    """Give a user another password; ends all logins of the user."""
    session = session_of(profile)
    password = prompts.password(from_stdin=password_stdin, new=True)
    _show(session.call("PUT", f"{_path(name)}/password", {"password": password}), as_json)
    _tell_who_is_out(session, name)


@app.command("set-roles")
def set_roles(
    name: Name,
    roles: Annotated[
        list[str],
        typer.Argument(metavar="ROLE...", help="All of them.", autocompletion=_role_names),
    ],
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: JsonOption = False,
) -> None:
    """Give a user these roles in place of the old ones."""
    _show(session_of(profile).call("PATCH", _path(name), {"roles": list(roles)}), as_json)


@app.command("enable-mfa")
def enable_mfa(
    name: Name,
    code: Annotated[
        str | None,
        typer.Option("--code", help="Confirm what was begun, by the authenticator's code."),
    ] = None,
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: JsonOption = False,
) -> None:
    """Enrol an authenticator: show the QR code, ask for the first code, confirm.

    Confirming ends all logins of the user. Where nobody can be asked, it shows the secret and ends; calling
    it again with --code confirms.
    """
    session = session_of(profile)
    if code is not None:
        code = prompts.without_spaces(code)
        if not code:
            raise WrongUsage("--code is empty")
    else:
        enrolment = valid(_Enrolment, session.call("POST", f"{_path(name)}/mfa"))
        if not prompts.can_ask():
            row: dict[str, JsonValue] = {"username": name, "uri": enrolment.uri, "secret": enrolment.secret}
            show_one(row, _ENROLMENT, as_json=as_json)
            tell(f"MFA is not on yet: {_how_to_confirm(name)}")
            return
        _explain(enrolment)
        code = prompts.ask_code("Code that it shows")
        if not code:
            raise WrongUsage(f"MFA is not on yet: no code was given; {_how_to_confirm(name)}")
    _show(session.call("POST", f"{_path(name)}/mfa/confirm", {"code": code}), as_json)
    _tell_who_is_out(session, name)


@app.command("disable-mfa")
def disable_mfa(name: Name, profile: ProfileOption = DEFAULT_PROFILE, as_json: JsonOption = False) -> None:
    """Let a user in with the password alone; ends all logins of the user."""
    session = session_of(profile)
    _show(session.call("DELETE", f"{_path(name)}/mfa"), as_json)
    _tell_who_is_out(session, name)


class _Enrolment(Answer):
    uri: str
    secret: str


def _path(name: str) -> str:
    return f"/users/{part_of_path(name)}"


def _show(answer: JsonValue, as_json: bool) -> None:
    user = as_fields(answer)
    show_one(user, _COLUMNS, as_json=as_json)


def _tell_who_is_out(session: Session, name: str) -> None:
    if session.current().username == name:
        tell("this was your own user, whose logins have ended: log in again")


def _explain(enrolment: _Enrolment) -> None:
    """To the person, beside the output: what an authenticator has to be told."""
    if show_qr(enrolment.uri):
        tell("Scan this with an authenticator, or type its secret in.")
    tell(f"uri:    {enrolment.uri}")
    tell(f"secret: {enrolment.secret}")


def _how_to_confirm(name: str) -> str:
    return f"confirm with `provisioning users enable-mfa {shlex.quote(name)} --code CODE`"
