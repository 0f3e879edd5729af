"""Check mode: waits until the service has found out what would change, and shows that."""

from collections.abc import Callable
from typing import NoReturn

import typer
from pydantic import JsonValue

from api.cli.answers import Batch, Started, Task, as_text, valid
from api.cli.client import part_of_path
from api.cli.output import complain, print_line, show_json
from api.cli.plan import show_plan_text, show_sum
from api.cli.session import Session
from api.cli.waiting import Waiting, outcome_code

Start = Callable[[], JsonValue]


def show_checked_batch(session: Session, start: Start, as_json: bool) -> NoReturn:
    """Shows the plan of each operation. Raises Exit: a plan that fails is a failure."""
    with Waiting(session, as_json=True) as waiting:
        waiting.starts("the check, if it was accepted,", ("look for it", ("batch", "list")))
        batch_id = valid(Started, start()).batch_id
        waiting.has(f"the check of batch {batch_id}", ("come back", ("batch", "watch", batch_id)))
        waiting.follow(lambda follower: follower.batch(batch_id))
    batch = valid(Batch, session.call("GET", f"/batch/operations/{part_of_path(batch_id)}"))
    found = [session.call("GET", f"/tasks/{part_of_path(one.task_id)}") for one in batch.operations]
    if as_json:
        show_json(found)
    else:
        tasks = [valid(Task, answer) for answer in found]
        for task in tasks:
            if len(tasks) > 1:
                print_line(f"{task.name}:")
            _show(task)
        if len(tasks) > 1:
            show_sum([task.output or "" for task in tasks if not task.error])
    raise typer.Exit(outcome_code(batch.status))


def show_checked_task(session: Session, start: Start, as_json: bool) -> NoReturn:
    """Shows the plan of a single piece of work. Raises Exit: a plan that fails is a failure."""
    with Waiting(session, as_json=True) as waiting:
        waiting.starts("the check, if it was accepted,", ("look for it", ("tasks", "list")))
        task_id = as_text(start())
        waiting.has(f"task {task_id}", ("come back", ("tasks", "logs", "-f", task_id)))
        waiting.follow(lambda follower: follower.task(task_id))
    found = session.call("GET", f"/tasks/{part_of_path(task_id)}")
    task = valid(Task, found)
    if as_json:
        show_json(found)
    else:
        _show(task)
    raise typer.Exit(outcome_code(task.status))


def _show(task: Task) -> None:
    if task.error:
        complain(f"{task.name}: {task.error}")
    else:
        show_plan_text(task.output or "")
