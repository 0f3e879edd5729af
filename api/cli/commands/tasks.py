"""`provisioning tasks`: every piece of work, and what it printed."""

import json
import shlex
from typing import Annotated, NoReturn

import typer
from pydantic import JsonValue

from api.cli.answers import Fields, Task, as_fields, as_rows, valid
from api.cli.cancelling import cancel_at
from api.cli.client import part_of_path
from api.cli.completion import task_ids
from api.cli.following.logs import LogDisplay
from api.cli.listing import show_page
from api.cli.options import (
    DEFAULT_PROFILE,
    JsonOption,
    LimitOption,
    OffsetOption,
    ProfileOption,
    WaitOption,
)
from api.cli.output import print_line, show_one
from api.cli.session import Session, session_of
from api.cli.terminal_text import cleaned
from api.cli.waiting import Waiting, outcome_code, tell_errors
from workflows.domain.states import TaskStatus

app = typer.Typer(help="See the single pieces of work, and their logs.", no_args_is_help=True)

_COLUMNS = ("id", "name", "status", "progress", "created_at")
_FIELDS = (
    *("id", "name", "status", "progress", "command", "batch_id", "operation_id", "dependencies"),
    *("created_at", "started_at", "completed_at", "error", "output"),
)

TaskId = Annotated[str, typer.Argument(metavar="TASK_ID", autocompletion=task_ids)]


@app.command("list")
def list_tasks(
    *,
    status: Annotated[
        TaskStatus | None, typer.Option("--status", help="Only those that stand like this.")
    ] = None,
    limit: LimitOption = 50,
    offset: OffsetOption = 0,
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: JsonOption = False,
) -> None:
    """List tasks, the newest first."""
    query = {"status": status, "limit": limit, "offset": offset}
    page = session_of(profile).page("/tasks", query)
    rows = [row | {"progress": _percent(row)} for row in as_rows(page.data)]
    show_page(rows, _COLUMNS, page, offset, as_json=as_json)


@app.command()
def show(task_id: TaskId, profile: ProfileOption = DEFAULT_PROFILE, as_json: JsonOption = False) -> None:
    """Show a task, with the command line that does the same."""
    row = as_fields(_read(session_of(profile), task_id))
    if as_json:
        show_one(row, (), as_json=True)
        return
    shown = row | {"command": _typed(row), "progress": _percent(row)}
    show_one(shown, [field for field in _FIELDS if shown.get(field)], as_json=False)


@app.command()
def logs(
    task_id: TaskId,
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until the task ends.")] = False,
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: JsonOption = False,
) -> None:
    """Print what a task printed: the end of it while it runs, what came out once it has ended.

    With -f it goes on live, and the exit code is the task's outcome. JSON has an object for each line.
    """
    session = session_of(profile)
    if not follow:
        for line in _output(session, task_id):
            print_line(json.dumps({"line": line}) if as_json else cleaned(line))
        return
    with Waiting(session, as_json=as_json) as waiting:
        waiting.has(f"task {task_id}", ("come back", ("tasks", "logs", "-f", task_id)))
        display = LogDisplay(_output(session, task_id), as_json=as_json)
        work = waiting.follow(lambda follower: follower.task(task_id), display)
        tell_errors(work)
        raise typer.Exit(outcome_code(work.status))


@app.command()
def cancel(
    task_id: TaskId,
    wait: WaitOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: JsonOption = False,
) -> None:
    """Cancel a single task, which takes back what it did, or a rollback, which stops where it is."""

    def follow(waiting: Waiting) -> NoReturn:
        waiting.task(task_id, wanted=TaskStatus.CANCELLED)

    path = f"/tasks/{part_of_path(task_id)}/cancel"
    named = ("task_id", task_id)
    cancel_at(session_of(profile), path, named, follow=follow if wait else None, as_json=as_json)


def _output(session: Session, task_id: str) -> list[str]:
    return (valid(Task, _read(session, task_id)).output or "").splitlines()


def _read(session: Session, task_id: str) -> JsonValue:
    return session.call("GET", f"/tasks/{part_of_path(task_id)}")


def _typed(row: Fields) -> str:
    args = row.get("args")
    return shlex.join([str(row.get("command")), *(map(str, args) if isinstance(args, list) else ())])


def _percent(row: Fields) -> str:
    progress = row.get("progress")
    return f"{progress:.0f}%" if isinstance(progress, int | float) else ""
