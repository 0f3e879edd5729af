"""`provisioning checkpoint`: names for moments to which one can go back."""

from typing import Annotated

import typer
from pydantic import JsonValue

from api.cli.answers import as_rows, as_text
from api.cli.listing import show_page
from api.cli.options import DEFAULT_PROFILE, JsonOption, LimitOption, OffsetOption, ProfileOption
from api.cli.output import show_one
from api.cli.session import session_of

app = typer.Typer(help="Name moments to go back to.", no_args_is_help=True)

_CHECKPOINTS = "/rollback/checkpoints"
_COLUMNS = ("id", "name", "description", "size", "created_at")


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    description: Annotated[str | None, typer.Option("--description")] = None,
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: JsonOption = False,
) -> None:
    """Give this moment a name."""
    body: dict[str, JsonValue] = {"name": name}
    if description is not None:
        body["description"] = description
    checkpoint_id = as_text(session_of(profile).start(_CHECKPOINTS, body))
    show_one({"id": checkpoint_id, "name": name}, ("id", "name"), as_json=as_json)


@app.command("list")
def list_checkpoints(
    limit: LimitOption = 50,
    offset: OffsetOption = 0,
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: JsonOption = False,
) -> None:
    """List checkpoints, the newest first."""
    page = session_of(profile).page(_CHECKPOINTS, {"limit": limit, "offset": offset})
    rows = as_rows(page.data)
    show_page(rows, _COLUMNS, page, offset, as_json=as_json)
