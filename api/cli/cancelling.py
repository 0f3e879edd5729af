"""Cancelling work, and waiting for it to have taken back what it did where that is wanted."""

from collections.abc import Callable
from typing import NoReturn

from api.cli.answers import as_text
from api.cli.output import show_one
from api.cli.session import Session
from api.cli.waiting import Waiting


def cancel_at(
    session: Session,
    path: str,
    named: tuple[str, str],
    *,
    follow: Callable[[Waiting], NoReturn] | None,
    as_json: bool,
) -> None:
    """Asks for it at `path`, and says so or follows it to its end.

    Args:
        named: the field that names the work, and its id.
        follow: waits for the end; None where nobody does.
    """
    if follow is None:
        field, identity = named
        message = as_text(session.call("POST", path))
        show_one({field: identity, "message": message}, (field, "message"), as_json=as_json)
        return
    with Waiting(session, as_json=as_json) as waiting:
        session.call("POST", path)
        follow(waiting)
