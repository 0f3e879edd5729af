"""Who did what: our addition to the contract, for admins."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime

from api.deps import ServicesDep
from api.paging import PagingDep
from api.schemas.audit import AuditEntry
from api.schemas.envelope import ApiResponse
from workflows.domain.errors import InvalidRequest

router = APIRouter(tags=["Audit"])

_DAY = timedelta(days=1)


@router.get("/audit")
async def list_entries(
    *,
    services: ServicesDep,
    paging: PagingDep,
    response: Response,
    user: Annotated[str | None, Query(max_length=255)] = None,
    path: Annotated[str | None, Query(max_length=255)] = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
) -> ApiResponse[list[AuditEntry]]:
    """Newest first; without `since`, those of the day before `until`, which is now where it is left out."""
    last = until or datetime.now(UTC) + timedelta(seconds=1)
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
