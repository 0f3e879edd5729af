"""Options that several commands take."""

from typing import Annotated

import typer

from api.cli.completion import profile_names
from api.cli.profiles import DEFAULT_PROFILE

ProfileOption = Annotated[
    str,
    typer.Option(
        "--profile",
        envvar="PROVISIONING_PROFILE",
        help="Which of your logins to use.",
        autocompletion=profile_names,
    ),
]
ServerOption = Annotated[
    str | None,
    typer.Option("--server", metavar="URL", help="Else the profile's, or this machine's."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, with all fields.")]
PasswordStdinOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from stdin, and do not ask for it.")
]

WaitOption = Annotated[
    bool, typer.Option("--wait", "--watch", help="Show it live, and end when it ends, with its outcome.")
]
CheckOption = Annotated[bool, typer.Option("--check", help="Show what it would do, and change nothing.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many, the newest first.")]
OffsetOption = Annotated[int, typer.Option("--offset", min=0, help="How many of the newest to leave out.")]

InfraOption = Annotated[str, typer.Option("--infra", help="Name under which servers belong together.")]
SettingsOption = Annotated[
    str | None, typer.Option("--settings", metavar="FILE", help="The infra's settings file; else config.k.")
]
ProviderOption = Annotated[
    str | None,
    typer.Option("--provider", help="The work is described here, and not by the infra's settings file."),
]
TimeoutOption = Annotated[
    int | None, typer.Option("--timeout", metavar="SECONDS", help="How long it may take; else an hour.")
]
OnFailureOption = Annotated[
    str | None, typer.Option("--on-failure", help="rollback, continue or fail; else rollback.")
]
ShowBatchOption = Annotated[
    bool, typer.Option("--show-batch", help="Print the batch that would be sent, and send nothing.")
]

__all__ = [
    "DEFAULT_PROFILE",
    "CheckOption",
    "InfraOption",
    "JsonOption",
    "LimitOption",
    "OffsetOption",
    "OnFailureOption",
    "PasswordStdinOption",
    "ProfileOption",
    "ProviderOption",
    "ServerOption",
    "SettingsOption",
    "ShowBatchOption",
    "TimeoutOption",
    "WaitOption",
]
