"""`provisioning batch`: submitting batches, and what becomes of them."""

from typing import Annotated, NoReturn

import typer

from api.cli.answers import Batch, Fields, as_rows, valid
from api.cli.batchfile.file import BadBatch, read_batch
from api.cli.cancelling import cancel_at
from api.cli.client import part_of_path
from api.cli.completion import batch_ids
from api.cli.listing import show_page
from api.cli.options import (
    DEFAULT_PROFILE,
    CheckOption,
    JsonOption,
    LimitOption,
    OffsetOption,
    ProfileOption,
    WaitOption,
)
from api.cli.output import is_terminal, print_line, show_json, show_one, show_rows, tell
from api.cli.session import session_of
from api.cli.starting import How, start_batch
from api.cli.waiting import Waiting
from workflows.domain.states import TERMINAL_TASK_STATES, BatchStatus

app = typer.Typer(help="Submit batches, and follow them.", no_args_is_help=True)

_COLUMNS = ("batch_id", "name", "status", "done", "created_at")
_FIELDS = ("batch_id", "name", "status", "created_at", "completed_at", "error", "remaining")
_OPERATION_COLUMNS = ("operation", "status", "progress", "task_id")

_MAX_TOLD = 100
"""Mistakes of a file that are told one by one."""

BatchId = Annotated[str, typer.Argument(metavar="BATCH_ID", autocompletion=batch_ids)]


@app.command()
def submit(
    *,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="JSON or YAML; - reads stdin.")],
    check: CheckOption = False,
    wait: WaitOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: JsonOption = False,
) -> None:
    """Check a batch file, and submit it.

    Mistakes are told by line and column, before anything is sent.
    """
    try:
        found = read_batch(file)
    except BadBatch as bad:
        _show_mistakes(bad, as_json=as_json)
        raise
    for warning in found.warnings:
        tell(f"{found.name}:{warning}")
    start_batch(found.body, How(profile, as_json, wait, check))


@app.command("list")
def list_batches(
    *,
    status: Annotated[
        BatchStatus | None, typer.Option("--status", help="Only those that stand like this.")
    ] = None,
    limit: LimitOption = 50,
    offset: OffsetOption = 0,
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: JsonOption = False,
) -> None:
    """List batches, the newest first."""
    query = {"status": status, "limit": limit, "offset": offset}
    page = session_of(profile).page("/batch/operations", query)
    rows = as_rows(page.data)
    show_page([_summary(row) for row in rows], _COLUMNS, page, offset, as_json=as_json)


@app.command()
def show(batch_id: BatchId, profile: ProfileOption = DEFAULT_PROFILE, as_json: JsonOption = False) -> None:
    """Show a batch and its operations."""
    answer = session_of(profile).call("GET", f"/batch/operations/{part_of_path(batch_id)}")
    if as_json:
        show_json(answer)
        return
    batch = valid(Batch, answer).model_dump(mode="json")
    show_one(batch, [field for field in _FIELDS if batch.get(field)], as_json=False)
    if is_terminal():
        print_line("")
    operations = [row | {"operation": row["id"]} for row in as_rows(batch["operations"])]
    show_rows(operations, _OPERATION_COLUMNS, as_json=False)


@app.command()
def watch(batch_id: BatchId, profile: ProfileOption = DEFAULT_PROFILE, as_json: JsonOption = False) -> None:
    """Follow a batch live until it ends; the exit code is its outcome."""
    with Waiting(session_of(profile), as_json=as_json) as waiting:
        waiting.batch(batch_id)


@app.command()
def cancel(
    batch_id: BatchId,
    wait: WaitOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: JsonOption = False,
) -> None:
    """Cancel a batch: what runs is stopped and cleans up, what was built is undone if it is to be."""

    def follow(waiting: Waiting) -> NoReturn:
        waiting.batch(batch_id, wanted=BatchStatus.CANCELLED)

    path = f"/batch/operations/{part_of_path(batch_id)}/cancel"
    named = ("batch_id", batch_id)
    cancel_at(session_of(profile), path, named, follow=follow if wait else None, as_json=as_json)


def _show_mistakes(bad: BadBatch, *, as_json: bool) -> None:
    if as_json:
        show_json(
            {
                "file": bad.name,
                "mistakes": [
                    {
                        "line": mistake.place.line,
                        "column": mistake.place.column,
                        "path": mistake.path,
                        "message": mistake.message,
                    }
                    for mistake in bad.mistakes
                ],
            }
        )
        return
    for mistake in bad.mistakes[:_MAX_TOLD]:
        tell(f"{bad.name}:{mistake}")


def _summary(row: Fields) -> Fields:
    """The row with `done`: how many operations of how many have ended."""
    operations = row.get("operations")
    if not isinstance(operations, list):
        return row
    ended = sum(isinstance(one, dict) and one.get("status") in TERMINAL_TASK_STATES for one in operations)
    return row | {"done": f"{ended}/{len(operations)}"}
