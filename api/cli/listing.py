"""Lists that come in pages."""

from collections.abc import Sequence

from api.cli.answers import as_rows
from api.cli.client import Page
from api.cli.output import Row, is_terminal, show_rows, tell


def show_page(rows: Sequence[Row], columns: Sequence[str], page: Page, offset: int, *, as_json: bool) -> None:
    """The rows of a page; JSON has the page as it came. A person is told if there is more."""
    raw = as_rows(page.data)
    show_rows(rows, columns, as_json=as_json, raw=raw)
    seen = offset + len(rows)
    if not as_json and is_terminal() and page.total is not None and page.total > seen:
        tell(f"{offset + 1} to {seen} of {page.total}; more with --offset {seen}")
