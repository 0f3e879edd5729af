"""`provisioning cluster`: clusters, as an infra's settings file or the command line describes them."""

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

app = typer.Typer(help="Manage the clusters of an infra.", no_args_is_help=True)

_HELP = {
    "create": "Create clusters.",
    "delete": "Delete clusters, with their servers.",
    "scale": "Bring clusters to the size that is described.",
    "upgrade": "Bring clusters to the version and parameters that are described, node by node.",
}


def _command(operation: str) -> None:
    """One command for each of the contract's operations; they differ in nothing else."""

    @app.command(operation, help=_HELP[operation])
    def run(
        *,
        cluster_type: Annotated[
            str | None, typer.Argument(metavar="TYPE", help="What kind: all of it in the infra's settings.")
        ] = None,
        infra: InfraOption,
        settings: SettingsOption = None,
        provider: ProviderOption = None,
        clusters: Annotated[
            list[str] | None,
            typer.Option("--cluster", metavar="JSON", help="One, as a batch has it; with --provider."),
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
            if cluster_type is None:
                raise WrongUsage("TYPE is needed, or --provider and --cluster")
            fields: dict[str, JsonValue] = {
                "operation": operation,
                "cluster_type": cluster_type,
                "infra": infra,
            }
            direct = {"--cluster": clusters, "--timeout": timeout, "--on-failure": on_failure}
            direct |= {"--show-batch": show_batch}
            from_settings("/workflows/cluster/create", fields, settings, direct, how)
            return
        if cluster_type is not None or not clusters:
            raise WrongUsage("with --provider, each --cluster is described here, with its cluster_type")
        config: dict[str, JsonValue] = {
            "operation": operation,
            "infra": infra,
            "clusters": single.described("--cluster", clusters),
            "timeout": timeout,
            "on_failure": on_failure,
            "check_mode": check or None,
        }
        batch = single.batch(title(f"cluster {operation}", ()), "cluster_batch", provider, config)
        directly(batch, settings, how, show_batch=show_batch)


for _operation in _HELP:
    _command(_operation)
