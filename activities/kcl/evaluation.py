"""One evaluation: a child process on a copy of the infra's folder, its answer, or why there is none."""

import contextlib
import functools
import logging
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

from pydantic import BaseModel

from activities.kcl import limits
from activities.kcl.confinement import holds_files
from workflows.domain.errors import InvalidRequest

log = logging.getLogger(__name__)

_PROJECT = Path(__file__).parents[2]

_GLANCE = 0.2
"""Seconds until it is seen that an answer is no longer wanted."""

_OUT_OF_TIME = {signal.SIGXCPU, signal.SIGALRM}
_MOST_TIME = f"{limits.CPU_SECONDS} s of processor time or {limits.DEADLINE} s in all"

_OUT_OF_MEMORY = {signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGKILL}
_MOST_MEMORY = f"{limits.MEMORY >> 20} MiB"


class Answer(BaseModel):
    """What the child says: what is wrong, or a result."""

    layers: tuple[str, ...]
    """What the kernel confined it by."""
    problem: str | None = None
    result: str = ""
    """All variables as JSON."""
    source_map: str = ""
    """Where they stand in the file, as KCL says it."""


def evaluate(copy: Path, settings: str, deadline: float, stop: threading.Event) -> Answer:
    """Blocks until the child ends, or is killed.

    Args:
        copy: of an infra's folder.
        settings: the file's path in it.
        deadline: on the monotonic clock.
        stop: set by whoever wants the answer no more; the child is killed then.

    Raises:
        InvalidRequest: the file is wrong or takes too much; the message says where it is wrong.
        RuntimeError: the child did not work for another reason, which is a defect of ours.
    """
    with (copy / "answer").open("w+b") as answer, (copy / "report").open("w+b") as report:
        code = _wait(_start(copy, settings, answer, report), deadline, stop)
        if code is None or -code in _OUT_OF_TIME:
            raise InvalidRequest(f"settings: {settings}: evaluating it takes longer than {_MOST_TIME}")
        if -code in _OUT_OF_MEMORY:
            raise InvalidRequest(
                f"settings: {settings}: evaluating it takes more memory than {_MOST_MEMORY},"
                " or goes deeper than it can, as a recursion without an end does"
            )
        answer.seek(0)
        report.seek(0)
        if code != 0:
            raise RuntimeError(f"exit code {code}: {report.read(2000).decode(errors='replace')}")
        return _checked(Answer.model_validate_json(answer.read()))


def _start(copy: Path, settings: str, answer: IO[bytes], report: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        # Nothing from the environment: neither its variables nor what they would load.
        [sys.executable, "-E", "-s", "-m", "activities.kcl.child", str(copy), settings],
        cwd=_PROJECT,
        env={},
        stdin=subprocess.DEVNULL,
        stdout=answer,
        stderr=report,
        start_new_session=True,
    )


def _wait(child: subprocess.Popen[bytes], deadline: float, stop: threading.Event) -> int | None:
    """The child's exit code; None where it did not end in time."""
    try:
        while time.monotonic() < deadline and not stop.is_set():
            with contextlib.suppress(subprocess.TimeoutExpired):
                return child.wait(_GLANCE)
        return None
    finally:
        child.kill()
        child.wait()


def _checked(answer: Answer) -> Answer:
    _tell(answer.layers)
    if answer.problem is not None:
        raise InvalidRequest(f"settings: {answer.problem}")
    return answer


@functools.cache
def _tell(layers: tuple[str, ...]) -> None:
    """Once, since a machine grants the same every time."""
    if holds_files(layers):
        log.info("settings files are evaluated confined by %s", ", ".join(layers))
    else:
        log.warning("settings files cannot be confined here: those that import KCL's file module are refused")
