"""`provisioning audit`: who did what, from where, and how it ended. Needs the role admin."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from pydantic import JsonValue

from api.cli.answers import Fields, as_rows
from api.cli.errors import WrongUsage
from api.cli.listing import show_page
from api.cli.options import DEFAULT_PROFILE, JsonOption, LimitOption, OffsetOption, ProfileOption
from api.cli.session import session_of

_COLUMNS = ("at", "username", "address", "method", "path", "resources", "status")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_AGO = re.compile(r"(\d{1,6})([smhd])")
_MOMENT = "A time as 2026-01-31T12:00:00Z, or how long ago: 90m, 12h, 7d."


def audit(
    *,
    user: Annotated[str | None, typer.Option("--user", metavar="NAME")] = None,
    path: Annotated[
        str | None, typer.Option("--path", help="As the API describes it: '/users/{username}'.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="WHEN", help=f"{_MOMENT} Else 24h.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="WHEN", help=_MOMENT)] = None,
    limit: LimitOption = 50,
    offset: OffsetOption = 0,
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: JsonOption = False,
) -> None:
    """List who did what, from where, and how it ended; the newest first."""
    moments = {"since": _moment("--since", since), "until": _moment("--until", until)}
    query = {"user": user, "path": path, **moments, "limit": limit, "offset": offset}
    page = session_of(profile).page("/audit", query)
    show_page([_shown(row) for row in as_rows(page.data)], _COLUMNS, page, offset, as_json=as_json)


def _moment(option: str, text: str | None) -> str | None:
    """As the API takes it. Raises WrongUsage."""
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    try:
        if ago is not None:
            return (datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).isoformat()
        # Without a zone it is the one of whoever asks; at either end of the calendar there is none in UTC.
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        raise WrongUsage(f"{option}: {text!r} is no time; write 2026-01-31T12:00:00Z, or 7d") from None


def _shown(row: Fields) -> Fields:
    resources = row.get("resources")
    named = resources.items() if isinstance(resources, dict) else ()
    texts: list[JsonValue] = [f"{name}={value}" for name, value in named]
    return row | {"resources": texts, "username": row.get("username", "-"), "status": row.get("status", "?")}
