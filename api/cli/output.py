"""What commands show: a table on a terminal, tab-separated lines elsewhere, JSON where it was asked for."""

import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pydantic import JsonValue
from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.cli.colours import of_status
from api.cli.times import age

Row = Mapping[str, JsonValue]

_STATUSES = {"status", "health"}
_MOMENTS = {"at", "since"}
_WHOLE = {"id", "batch_id", "task_id", "workflow_id", "status", "position", "created_at", "at"}
"""Columns whose words are short, or will be copied: where there is no room, others are folded."""


def show_rows(
    rows: Sequence[Row], columns: Sequence[str], *, as_json: bool, raw: Sequence[Row] | None = None
) -> None:
    """A line for each row; no header where no person reads it.

    Args:
        raw: what JSON shows, where it is not the rows; it has all fields.
    """
    if as_json:
        show_json([dict(row) for row in (rows if raw is None else raw)])
    elif not is_terminal():
        for row in rows:
            print_line("\t".join(plain(row.get(column)) for column in columns))
    else:
        _print_table(rows, columns)


def _print_table(rows: Sequence[Row], columns: Sequence[str]) -> None:
    now = datetime.now(UTC)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        # Folded where the terminal is narrow, so that nothing is cut off.
        table.add_column(_title(column), overflow="fold", no_wrap=column in _WHOLE)
    for row in rows:
        table.add_row(*(_cell(column, row.get(column), now) for column in columns))
    Console().print(table)


def _cell(column: str, value: JsonValue, now: datetime) -> Text:
    text = ", ".join(map(plain, value)) if isinstance(value, list) else plain(value)
    if column in _STATUSES:
        return Text(text, of_status(text))
    if column in _MOMENTS or column.endswith("_at"):
        with contextlib.suppress(ValueError, TypeError):
            return Text(age(datetime.fromisoformat(str(value)), now))
    return Text(text)


def show_one(row: Row, fields: Sequence[str], *, as_json: bool) -> None:
    """A line for each field, or several for a text of several lines. JSON has all fields."""
    if as_json:
        show_json(dict(row))
    elif not is_terminal():
        for field in fields:
            for line in _lines(row.get(field)):
                print_line(f"{field}\t{line}")
    else:
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for field in fields:
            text = "\n".join(_lines(row.get(field)))
            table.add_row(_title(field), Text(text, of_status(text) if field in _STATUSES else ""))
        Console().print(table)


def show_json(value: JsonValue) -> None:
    print_line(json.dumps(value, indent=2))


def tell(text: str) -> None:
    """Says what happens to the person at stderr, beside the output."""
    Console(stderr=True).print(Text(printable(text)), soft_wrap=True)


def complain(text: str) -> None:
    """An error. What is more than a line is set apart, so that nobody takes it for something else."""
    first, *more = text.splitlines() or [""]
    message = Text.assemble(("error: ", "bold red"), printable(first))
    for line in more:
        message.append(f"\n    {printable(line)}")
    Console(stderr=True).print(message, soft_wrap=True)


def print_line(text: str, *, at_once: bool = False) -> None:
    """A line of the output; at once, where somebody may read along."""
    sys.stdout.write(f"{text}\n")
    if at_once:
        sys.stdout.flush()


def is_terminal() -> bool:
    # Not rich's own answer: FORCE_COLOR is about colours, and must not change what a script reads.
    return sys.stdout.isatty()


def printable(text: str) -> str:
    """Without characters that would steer a terminal or break a line: they come from whoever chose a name."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def plain(value: JsonValue) -> str:
    """A value as a word of a line."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ",".join(plain(item) for item in value)
        case dict():
            return ",".join(f"{printable(key)}={plain(inner)}" for key, inner in value.items())
        case _:
            return printable(str(value))


def _lines(value: JsonValue) -> list[str]:
    """Of a list of texts of which one has several lines, each begins on a line of its own."""
    if isinstance(value, list) and any(isinstance(item, str) and "\n" in item for item in value):
        return [line for item in value for line in _lines(item)]
    lines = value.splitlines() if isinstance(value, str) else []
    return [plain(line) for line in lines] or [plain(value)]


def _title(field: str) -> str:
    return field.replace("_", " ")
