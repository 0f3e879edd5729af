"""The commands, put together."""

import typer

from api.cli.commands import (
    access,
    audit,
    batches,
    checkpoints,
    clusters,
    inventory,
    rollback,
    servers,
    tasks,
    taskservs,
    users,
)
from api.cli.exit_codes import table

_EPILOG = f"""
Exit codes:
{table()}

Logins are kept in $XDG_CONFIG_HOME/provisioning/profiles, or else
under ~/.config; PROVISIONING_PROFILE chooses one.

The output is a table on a terminal, tab-separated lines elsewhere,
and JSON with --json, which is for scripts. Errors and questions
go to stderr. NO_COLOR turns colours off.
"""

app = typer.Typer(
    name="provisioning",
    help="The command line of the Provisioning API.",
    epilog=_EPILOG,
    no_args_is_help=True,
    # A traceback of its own would print local variables, and passwords with them.
    pretty_exceptions_enable=False,
)

for command in (access.login, access.logout, access.whoami, access.health):
    app.command()(command)
app.add_typer(batches.app, name="batch")
app.add_typer(tasks.app, name="tasks")
app.add_typer(servers.app, name="servers")
app.add_typer(taskservs.app, name="taskserv")
app.add_typer(clusters.app, name="cluster")
app.add_typer(checkpoints.app, name="checkpoint")
app.command()(rollback.rollback)
app.add_typer(inventory.app, name="inventory")
app.add_typer(users.app, name="users")
app.command()(audit.audit)
