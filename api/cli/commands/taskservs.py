"""`provisioning taskserv`: installing, removing, restarting and configuring task services.

With --provider the work is described on the command line, and a batch of one operation is sent; without it
one task service is treated as an infra's settings file says.
"""

from typing import Annotated

import typer
from pydantic import JsonValue

from api.cli import single
from api.cli.commands.work import directly, from_settings, title
from api.cli.errors import WrongUsage
from api.cli.options import (
    DEFAULT_PROFILE,
    CheckOption,
    InfraOption,
    JsonOption,
    OnFailureOption,
    ProfileOption,
    ProviderOption,
    SettingsOption,
    ShowBatchOption,
    TimeoutOption,
    WaitOption,
)
from api.cli.starting import How

app = typer.Typer(help="Manage task services on servers.", no_args_is_help=True)

_HELP = {
    "create": "Install task services, or bring them to their parameters.",
    "delete": "Remove task services.",
    "restart": "Restart task services.",
    "configure": "Change parameters of task services that are there.",
}


def _command(operation: str) -> None:
    """One command for each of the contract's operations; they differ in nothing else."""

    @app.command(operation, help=_HELP[operation])
    def run(
        *,
        names: Annotated[list[str], typer.Argument(metavar="TASKSERV...")],
        infra: InfraOption,
        settings: SettingsOption = None,
        provider: ProviderOption = None,
        servers: Annotated[
            str | None,
            typer.Option("--servers", metavar="NAME,...", help="Else all servers of the infra."),
        ] = None,
        parameters: Annotated[
            list[str] | None,
            typer.Option(
                "--param", metavar="[[SERVER/]TASKSERV.]NAME=VALUE", help="VALUE is JSON or a text."
            ),
        ] = None,
        timeout: TimeoutOption = None,
        on_failure: OnFailureOption = None,
        show_batch: ShowBatchOption = False,
        check: CheckOption = False,
        wait: WaitOption = False,
        profile: ProfileOption = DEFAULT_PROFILE,
        as_json: JsonOption = False,
    ) -> None:
        how = How(profile, as_json, wait, check)
        if provider is None:
            if len(names) > 1:
                raise WrongUsage("several task services at once: only with --provider")
            direct: dict[str, object] = {"--servers": servers, "--param": parameters}
            direct |= {"--timeout": timeout, "--on-failure": on_failure, "--show-batch": show_batch}
            fields: dict[str, JsonValue] = {"operation": operation, "taskserv": names[0], "infra": infra}
            from_settings("/workflows/taskserv/create", fields, settings, direct, how)
            return
        wanted = single.taskservs(names, parameters or ())
        config: dict[str, JsonValue] = {
            "operation": operation,
            "infra": infra,
            "taskservs": wanted.taskservs,
            "server_params": wanted.server_params,
            "servers": single.server_names(servers),
            "timeout": timeout,
            "on_failure": on_failure,
            "check_mode": check or None,
        }
        batch = single.batch(title(f"taskserv {operation}", names), "taskserv_batch", provider, config)
        directly(batch, settings, how, show_batch=show_batch)


for _operation in _HELP:
    _command(_operation)
