"""Carries out a rollback, and shows it meanwhile.

The service answers when it has ended, and only then with its id. Its task is known before that, by its
command line, and can be followed.
"""

import contextlib
import threading
from collections.abc import Sequence

from pydantic import JsonValue

from api.cli.answers import Task, valid
from api.cli.errors import CommandFailed
from api.cli.following.events import TaskChanged
from api.cli.session import Session
from api.cli.waiting import Waiting

_WORKFLOW_TYPE = "rollback"
_TICK = 0.25


class _Request(threading.Thread):
    """Asks, and waits for the answer. It is a daemon: nobody who goes away waits for it."""

    def __init__(self, session: Session, path: str, body: JsonValue) -> None:
        super().__init__(name="rollback", daemon=True)
        self._session = session
        self._path = path
        self._body = body
        self._answer: JsonValue = None
        self._error: CommandFailed | None = None

    def run(self) -> None:
        try:
            self._answer = self._session.start(self._path, self._body, until_it_ends=True)
        except CommandFailed as error:
            self._error = error

    def answer(self) -> JsonValue:
        """Once it is there. Raises what the service said instead."""
        while self.is_alive():
            self.join(_TICK)
        if self._error is not None:
            raise self._error
        return self._answer


def roll_back(
    session: Session, path: str, body: JsonValue, words: Sequence[str], *, as_json: bool
) -> JsonValue:
    """The service's answer, once the rollback has ended.

    Args:
        words: the command line of its task.

    Raises:
        CommandFailed: it was refused, or it is not known what became of it.
        Exit: with the code of an interruption.
    """
    with Waiting(session, as_json=as_json) as waiting:
        waiting.starts("the rollback, if it was begun,", ("look for it", ("tasks", "list")))
        request = _Request(session, path, body)
        request.start()
        task_id = _task_of(waiting, request, words)
        if task_id is not None:
            waiting.has(f"rollback {task_id}", ("come back", ("tasks", "logs", "-f", task_id)))
            waiting.follow(lambda follower: follower.task(task_id))
        return request.answer()


def _task_of(waiting: Waiting, request: _Request, words: Sequence[str]) -> str | None:
    """The rollback that began with just this command line; None where the answer came first."""
    seen: set[str] = set()
    while request.is_alive():
        event = waiting.stream.next(_TICK)
        if not isinstance(event, TaskChanged) or event.metadata.workflow_type != _WORKFLOW_TYPE:
            continue
        task_id = event.data.task_id
        if task_id not in seen and _is_ours(waiting.session, task_id, words):
            return task_id
        seen.add(task_id)
    return None


def _is_ours(session: Session, task_id: str, words: Sequence[str]) -> bool:
    with contextlib.suppress(CommandFailed):
        task = valid(Task, session.call("GET", f"/tasks/{task_id}"))
        return task.args == tuple(words)
    return False
