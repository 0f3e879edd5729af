"""Lists in parts: how long the whole list is, and where the next part begins, in the answer's headers."""

from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import Depends, Query, Request, Response

from activities.ports import Page

_LAST_OFFSET = 2**31 - 1
"""No list is that long, so a larger offset means the same; and every store can count to it."""


class Paging:
    """A part of a list, as it was asked for."""

    def __init__(
        self,
        request: Request,
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
        offset: Annotated[int, Query(ge=0)] = 0,
    ) -> None:
        self._request = request
        self.limit = limit
        self.offset = min(offset, _LAST_OFFSET)

    def describe(self, page: Page[Any], response: Response) -> None:
        """Sets `X-Total-Count`, and `Link` where there is a next page."""
        response.headers["X-Total-Count"] = str(page.total)
        following = self.offset + len(page.items)
        if page.items and following < page.total:
            query = dict(self._request.query_params) | {"limit": self.limit, "offset": following}
            target = f"{quote(self._request.url.path)}?{urlencode(query)}"
            response.headers["Link"] = f'<{target}>; rel="next"'


PagingDep = Annotated[Paging, Depends()]
