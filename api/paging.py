"""Lists in parts: how long the whole list is, and where the next part begins, in the answer's headers."""

import re
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import Depends, Query, Request, Response
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from activities.ports import Page

_LAST_OFFSET = 2**31 - 1
"""No list is that long, so a larger offset means the same; and every store can count to it."""


def _whole(value: object) -> object:
    """Pydantic would take `1.0` and `1_0` as well."""
    if isinstance(value, str) and not re.fullmatch("-?[0-9]+", value):
        raise PydanticCustomError("int_parsing", "it must be a whole number")
    return value


class Paging:
    """A part of a list, as it was asked for."""

    def __init__(
        self,
        request: Request,
        limit: Annotated[int, Query(ge=1, le=1000), BeforeValidator(_whole)] = 50,
        offset: Annotated[int, Query(ge=0), BeforeValidator(_whole)] = 0,
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
