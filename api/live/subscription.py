"""What a client asks for in the query of its handshake."""

import re
from typing import NamedTuple

from starlette.datastructures import QueryParams

from api.errors import MAX_LISTED
from workflows.domain.errors import InvalidRequest
from workflows.domain.events import EventType

EVENTS, SINCE = "events", "since"

_NUMBER = re.compile(r"[0-9]{1,18}")
_SHOWN = 60
_NAMES = frozenset(kind.value for kind in EventType)


class Subscription(NamedTuple):
    """Which events, and from where on."""

    wanted: frozenset[EventType]
    since: int | None
    """The sequence number of the last event that the client has; None for "from now on"."""


def subscription(query: QueryParams) -> Subscription:
    """Raises InvalidRequest: naming what cannot be used."""
    return Subscription(_wanted(query.getlist(EVENTS)), _since(query.getlist(SINCE)))


def _wanted(lists: list[str]) -> frozenset[EventType]:
    """The named types, or all of them where none is named."""
    names = [name.strip() for part in lists if part.strip() for name in part.split(",")]
    unknown = [name for name in dict.fromkeys(names) if name not in _NAMES]
    if unknown:
        told = ", ".join(repr(name[:_SHOWN]) for name in unknown[:MAX_LISTED])
        more = f" and {len(unknown) - MAX_LISTED} more" if len(unknown) > MAX_LISTED else ""
        raise InvalidRequest(f"{EVENTS}: unknown {told}{more}; there are {', '.join(EventType)}")
    return frozenset(map(EventType, names)) or frozenset(EventType)


def _since(given: list[str]) -> int | None:
    match given:
        case []:
            return None
        case [number] if _NUMBER.fullmatch(number):
            return int(number)
        case _:
            told = ", ".join(repr(number[:_SHOWN]) for number in given[:MAX_LISTED])
            raise InvalidRequest(f"{SINCE}: one sequence number is expected, as in metadata, and not {told}")
