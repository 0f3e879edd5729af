"""`provisioning cluster`: clusters, as an infra's settings file describes them."""

from typing import Annotated

import typer
from pydantic import JsonValue

from api.cli.commands.work import from_settings
from api.cli.options import (
    DEFAULT_PROFILE,
    CheckOption,
    InfraOption,
    JsonOption,
    ProfileOption,
    SettingsOption,
    WaitOption,
)
from api.cli.starting import How

app = typer.Typer(help="Manage the clusters of an infra.", no_args_is_help=True)

_HELP = {
    "create": "Create a cluster.",
    "delete": "Delete a cluster.",
    "scale": "Bring a cluster to the size that its settings say.",
    "upgrade": "Bring a cluster to the version that its settings say.",
}


def _command(operation: str) -> None:
    """One command for each of the contract's operations; they differ in nothing else."""

    @app.command(operation, help=_HELP[operation])
    def run(
        *,
        cluster_type: Annotated[str, typer.Argument(metavar="TYPE", help="What kind of cluster it is.")],
        infra: InfraOption,
        settings: SettingsOption = None,
        check: CheckOption = False,
        wait: WaitOption = False,
        profile: ProfileOption = DEFAULT_PROFILE,
        as_json: JsonOption = False,
    ) -> None:
        fields: dict[str, JsonValue] = {
            "operation": operation,
            "cluster_type": cluster_type,
            "infra": infra,
        }
        how = How(profile, as_json, wait, check)
        from_settings("/workflows/cluster/create", fields, settings, {}, how)


for _operation in _HELP:
    _command(_operation)
