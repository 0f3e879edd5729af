"""Who did what: our addition to the contract, for admins."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, AwareDatetime, BeforeValidator
from pydantic_core import PydanticCustomError

from api.deps import ServicesDep
from api.paging import PagingDep
from api.schemas.audit import AuditEntry
from api.schemas.envelope import ApiResponse
from workflows.domain.errors import InvalidRequest

router = APIRouter(tags=["Audit"])

_DAY = timedelta(days=1)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _written_out(value: object) -> object:
    """Pydantic would take seconds since 1970 as well, and a time without seconds."""
    if isinstance(value, str) and not _RFC_3339.fullmatch(value):
        raise PydanticCustomError(
            "datetime_parsing", "it must be a moment as RFC 3339 has it, as 2026-01-31T12:00:00Z"
        )
    return value


def _in_utc(moment: datetime) -> datetime:
    """A moment at either end of the calendar may be none in UTC, which is what the database keeps."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("datetime_range", "it is outside of the years 1 to 9999 in UTC") from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc), BeforeValidator(_written_out)]


@router.get("/audit")
async def list_entries(
    *,
    services: ServicesDep,
    paging: PagingDep,
    response: Response,
    user: Annotated[str | None, Query(max_length=255)] = None,
    path: Annotated[str | None, Query(max_length=255)] = None,
    since: Moment | None = None,
    until: Moment | None = None,
) -> ApiResponse[list[AuditEntry]]:
    """Newest first; without `since`, those of the day before `until`, which is now where it is left out."""
    now = datetime.now(UTC) + timedelta(seconds=1)
    # What is asked for from a moment on that is still to come is nothing, and no contradiction.
    last = until or max(now, since or now)
    try:
        first = since or last - _DAY
    except OverflowError:
        first = last
    if first > last:
        raise InvalidRequest("since: it is after until")
    page = await services.stores.audit.page(
        since=first, until=last, username=user, path=path, limit=paging.limit, offset=paging.offset
    )
    paging.describe(page, response)
    return ApiResponse(data=[AuditEntry.of(entry) for entry in page.items])
