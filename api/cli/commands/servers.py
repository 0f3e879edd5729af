"""`provisioning servers`: creating and deleting servers.

With --provider the servers are described on the command line, and a batch of one operation is sent; without
it they are those of an infra's settings file.
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

app = typer.Typer(help="Create and delete servers.", no_args_is_help=True)

_KIND = "server_batch"

NamesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME]...", help="Several as 'web-{1..3}', too.")
]


@app.command()
def create(
    *,
    names: NamesArgument = None,
    infra: InfraOption,
    settings: SettingsOption = None,
    provider: ProviderOption = None,
    plan: Annotated[str | None, typer.Option("--plan", help="How large they are.")] = None,
    zone: Annotated[str | None, typer.Option("--zone", help="Where they are.")] = None,
    labels: Annotated[
        list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="Repeatable.")
    ] = None,
    image: Annotated[str | None, typer.Option("--image", help="The system that they start with.")] = None,
    ssh_user: Annotated[str | None, typer.Option("--ssh-user", help="Who logs in there.")] = None,
    servers: Annotated[
        list[str] | None,
        typer.Option("--server", metavar="JSON", help="A server that is unlike the others; repeatable."),
    ] = None,
    timeout: TimeoutOption = None,
    on_failure: OnFailureOption = None,
    show_batch: ShowBatchOption = False,
    check: CheckOption = False,
    wait: WaitOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: JsonOption = False,
) -> None:
    """Create servers: those named here (with --provider), or those of an infra's settings file."""
    how = How(profile, as_json, wait, check)
    common: dict[str, JsonValue] = {"plan": plan, "zone": zone, "image": image, "ssh_user": ssh_user}
    if provider is None:
        direct: dict[str, object] = {"NAME": names, "--server": servers, "--label": labels}
        direct |= {f"--{name.replace('_', '-')}": value for name, value in common.items()}
        direct |= {"--timeout": timeout, "--on-failure": on_failure, "--show-batch": show_batch}
        from_settings("/workflows/servers/create", {"infra": infra}, settings, direct, how)
        return
    if names and not (plan and zone):
        raise WrongUsage("--plan and --zone are needed with --provider")
    wanted = single.named(names or (), common | {"labels": single.labels(labels or ())})
    wanted += single.described("--server", servers or ())
    if not wanted:
        raise WrongUsage("no server is named")
    config: dict[str, JsonValue] = {"operation": "create", "infra": infra, "server_configs": wanted}
    limits: dict[str, JsonValue] = {
        "timeout": timeout,
        "on_failure": on_failure,
        "check_mode": check or None,
    }
    batch = single.batch(title("servers create", names or ()), _KIND, provider, config | limits)
    directly(batch, settings, how, show_batch=show_batch)


@app.command()
def delete(
    *,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Several as 'web-{1..3}', too.")],
    infra: InfraOption,
    provider: Annotated[str, typer.Option("--provider", help="Whose servers they are.")],
    timeout: TimeoutOption = None,
    on_failure: OnFailureOption = None,
    show_batch: ShowBatchOption = False,
    check: CheckOption = False,
    wait: WaitOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: JsonOption = False,
) -> None:
    """Delete servers, and what stands on them."""
    config: dict[str, JsonValue] = {
        "operation": "delete",
        "infra": infra,
        "server_configs": single.named(names, {}),
        "timeout": timeout,
        "on_failure": on_failure,
        "check_mode": check or None,
    }
    batch = single.batch(title("servers delete", names), _KIND, provider, config)
    directly(batch, None, How(profile, as_json, wait, check), show_batch=show_batch)
