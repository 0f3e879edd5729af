"""Starting work: a batch, or a single piece of it; and what a command then does with it."""

from typing import NamedTuple

from pydantic import JsonValue

from api.cli.answers import Answer, Started, as_fields, as_text, valid
from api.cli.checking import show_checked_batch, show_checked_task
from api.cli.errors import Refused
from api.cli.output import is_terminal, show_one, tell
from api.cli.session import Session, session_of
from api.cli.waiting import Waiting, command

EXECUTE = "/batch/execute"

CHECK_MODE = "check_mode"


class How(NamedTuple):
    """What the person wants beside the work itself."""

    profile: str
    as_json: bool
    wait: bool = False
    check: bool = False


def start_batch(body: JsonValue, how: How) -> None:
    """Sends a batch, or asks what it would do.

    Raises:
        CommandFailed: it could not be sent, or is refused.
        Exit: with the code of its outcome, where it was waited for.
    """
    session = session_of(how.profile)
    if how.check:
        require_check_mode(session, EXECUTE)
        show_checked_batch(
            session, lambda: session.start(EXECUTE, body, query={CHECK_MODE: True}), how.as_json
        )
    if not how.wait:
        answer = session.start(EXECUTE, body)
        batch_id, row = valid(Started, answer).batch_id, as_fields(answer)
        show_one(row, ("batch_id", "status"), as_json=how.as_json)
        _tell_how_to_follow(session, ("batch", "watch", batch_id))
        return
    with Waiting(session, as_json=how.as_json) as waiting:
        waiting.starts("the batch, if it was accepted,", ("look for it", ("batch", "list")))
        batch_id = valid(Started, session.start(EXECUTE, body)).batch_id
        tell(f"batch {batch_id} is submitted")
        waiting.batch(batch_id)


def start_workflow(path: str, body: dict[str, JsonValue], how: How) -> None:
    """Submits a single piece of work. It is followed over the events, so the answer need not wait.

    Raises as `start_batch` does.
    """
    session = session_of(how.profile)
    body = {**body, CHECK_MODE: how.check, "wait": False}
    if how.check:
        show_checked_task(session, lambda: session.start(path, body), how.as_json)
    if not how.wait:
        task_id = as_text(session.start(path, body))
        show_one({"task_id": task_id}, ("task_id",), as_json=how.as_json)
        _tell_how_to_follow(session, ("tasks", "logs", "-f", task_id))
        return
    with Waiting(session, as_json=how.as_json) as waiting:
        waiting.starts("the task, if it was accepted,", ("look for it", ("tasks", "list")))
        task_id = as_text(session.start(path, body))
        tell(f"task {task_id} is submitted")
        waiting.task(task_id)


class _Parameter(Answer):
    name: str = ""


class _Operation(Answer):
    parameters: tuple[_Parameter, ...] = ()


class _Described(Answer):
    paths: dict[str, dict[str, _Operation]]


def require_check_mode(session: Session, path: str) -> None:
    """Raises Refused where the service has none: it would let the parameter pass and do the work."""
    described = valid(_Described, session.document("/openapi.json"))
    operation = described.paths.get(path, {}).get("post", _Operation())
    if CHECK_MODE not in {parameter.name for parameter in operation.parameters}:
        raise Refused("this service cannot tell beforehand what a batch would do; nothing was sent", 422)


def _tell_how_to_follow(session: Session, words: tuple[str, ...]) -> None:
    if is_terminal():
        tell(f"follow it with: {command(session, words)}")
