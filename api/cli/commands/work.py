"""What the commands that start single pieces of work have in common."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from api.cli.errors import WrongUsage
from api.cli.output import show_json
from api.cli.starting import How, start_batch, start_workflow

_DEFAULT_SETTINGS = "config.k"


def from_settings(
    path: str,
    fields: Mapping[str, JsonValue],
    settings: str | None,
    direct: Mapping[str, object],
    how: How,
) -> None:
    """Submits work whose description is in an infra's settings file.

    Args:
        direct: what would describe it on the command line, and so must not be given.

    Raises:
        WrongUsage: naming what was given.
    """
    given = [name for name, value in direct.items() if value]
    if given:
        raise WrongUsage(f"{', '.join(given)}: only with --provider, which describes the work here")
    start_workflow(path, {**fields, "settings": settings or _DEFAULT_SETTINGS}, how)


def directly(body: JsonValue, settings: str | None, how: How, *, show_batch: bool) -> None:
    """Sends a batch that was described on the command line, or shows it."""
    if settings is not None:
        raise WrongUsage("--settings: with --provider the work is described here, and by no file")
    if show_batch:
        show_json(body)
    else:
        start_batch(body, how)


def title(command: str, names: Sequence[str]) -> str:
    return " ".join([command, *names])
