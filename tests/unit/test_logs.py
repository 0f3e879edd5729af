"""Log lines: whose work they are about, as JSON where wanted, and without secrets."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities import logs
from activities.failures import as_activity_failure
from activities.log_context import CauseInterceptor
from activities.redaction import MASK, Redaction
from activities.settings import Settings
from api import request_ids
from api.request_ids import request_id
from tests.support.batches import server
from workflows.domain.actions import Cause, DeleteServer
from workflows.domain.errors import ActionFailed

PEM = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n-----END OPENSSH PRIVATE KEY-----"
SETTINGS = Settings(
    admin_password=SecretStr("correct horse"),
    jwt_previous_secrets=SecretStr("first-one, second-one"),
    mongodb_uri=SecretStr("mongodb://me:p%40ssw0rd@db/?x=1"),
)


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    root.handlers.clear()  # or they would be closed
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def written(log_format: str) -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    logs.configure(SETTINGS.model_copy(update={"log_format": log_format}), request_ids.context, stream)
    return logging.getLogger("a.part"), stream


def objects(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


async def test_a_line_is_an_object_with_the_requests_id_in_threads_too() -> None:
    log, stream = written("json")
    token = request_id.set("r-1")
    await asyncio.to_thread(log.warning, "seen %s", "twice", extra={"batch_id": "b-1"})
    request_id.reset(token)
    log.info("later")
    first, second = objects(stream)
    assert first.pop("time")
    assert first == {
        "level": "WARNING",
        "logger": "a.part",
        "message": "seen twice",
        "batch_id": "b-1",
        "request_id": "r-1",
    }
    assert second.keys() == {"time", "level", "logger", "message"}


async def test_an_exception_is_inside_the_object_and_redacted() -> None:
    log, stream = written("json")
    try:
        raise ValueError("it was correct horse")
    except ValueError:
        log.exception("failed")
    (line,) = objects(stream)
    assert line["exception"].splitlines()[-1] == f"ValueError: it was {MASK}"


def test_a_text_line_has_the_context_and_an_exception_no_secret() -> None:
    log, stream = written("text")
    token = request_id.set("r-2")
    try:
        raise ValueError(PEM)
    except ValueError:
        log.exception("failed with %r", {"password": "abc"})
    request_id.reset(token)
    text = stream.getvalue()
    assert "ERROR a.part: failed with {'password': '***'} request_id=r-2\n" in text
    assert "b3Blb" not in text


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("password is correct horse", "correct horse"),
        ("signed with second-one", "second-one"),
        ("at mongodb://me:p%40ssw0rd@db/?x=1", "p%40ssw0rd"),
        ("with p@ssw0rd", "p@ssw0rd"),
        ("Authorization: Bearer abcdefgh.ijkl", "abcdefgh"),
        ("got eyJhbGciOi.eyJzdWIi.c2ln again", "eyJ"),
        ("GET /ws?token=abc&since=1", "abc"),
        ("https://me:abc@example/", "abc"),
        ('{"password": "a\\"bc", "x": 1}', "bc"),
        (f"key {PEM}", "b3Blb"),
        ("key -----BEGIN PRIVATE KEY-----\nb3Blb", "b3Blb"),
    ],
    ids=lambda value: str(value)[:12] if " " in str(value) else "",
)
def test_no_secret_is_written(log_format: str, text: str, secret: str) -> None:
    log, stream = written(log_format)
    log.warning("%s, and more", text)
    assert secret not in stream.getvalue()
    assert MASK in stream.getvalue()


def test_what_is_no_secret_stays() -> None:
    text = "tokens: 5, password for nobody, basic idea; see http://localhost:8080/docs"
    assert Redaction.of(Settings()).text(text) == text


async def test_a_line_of_an_activity_says_whose_work_it_does() -> None:
    whose = Cause(task_id="the task", batch_id="the batch", operation_id="the operation")
    action = DeleteServer(cause=whose, server=server("web"))

    async def work(_: object) -> None:
        logging.getLogger("a.part").warning("at work")

    stream = io.StringIO()
    logs.configure(SETTINGS.model_copy(update={"log_format": "json"}), logs.of_temporal, stream)
    chain = CauseInterceptor().intercept_activity(_Innermost())
    environment = ActivityEnvironment()
    executed = ExecuteActivityInput(fn=work, args=[action], executor=None, headers={})
    await environment.run(chain.execute_activity, executed)
    line, done = objects(stream)
    assert line["message"] == "at work"
    assert done["message"].startswith("done in ")
    for one in (line, done):
        named = (one["task_id"], one["batch_id"], one["operation_id"])
        assert named == tuple(whose.model_dump().values())[:3]
        assert one["workflow_id"] == environment.info.workflow_id


async def test_what_did_not_work_is_told_in_one_line_by_its_own_words() -> None:
    async def work() -> None:
        with as_activity_failure():
            raise ActionFailed("could not install it:\nthe password=hunter2 is refused")

    stream = io.StringIO()
    logs.configure(SETTINGS, logs.of_temporal, stream)
    environment = ActivityEnvironment()
    try:
        await environment.run(work)
    except ApplicationError:
        activity.logger.warning("Completing activity as failed", exc_info=True)
    (line,) = stream.getvalue().splitlines()
    assert "failed: ActionFailed: could not install it: | the password=" in line
    assert "hunter2" not in line


class _Innermost(ActivityInboundInterceptor):
    """As the SDK's own: it calls the activity."""

    def __init__(self) -> None:
        """Has none behind it."""

    async def execute_activity(self, input: ExecuteActivityInput) -> object:
        return await input.fn(*input.args)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("a" * 1_000_000, id="a long word"),
        pytest.param("token" * 200_000, id="a word of names"),
        pytest.param('"token":"' + "\\" * 1_000_000, id="a text of escapes without an end"),
        pytest.param("token=" * 200_000, id="names without a value"),
        pytest.param("bearer " * 200_000 + " " * 200_000, id="words and blanks"),
        pytest.param("http://" * 200_000 + ":" * 200_000, id="addresses"),
        pytest.param("-----BEGIN " * 100_000 + "PRIVATE KEY-----", id="keys that begin"),
        pytest.param("eyJ." * 200_000, id="tokens"),
    ],
)
def test_no_path_keeps_the_process_from_its_work(path: str) -> None:
    """A line is written for each request, whoever sends it. Where time grows faster, this does not end."""
    line = Redaction.of(Settings()).text(f"GET {path} 404 0.5ms")
    assert line.startswith("GET ")


def test_a_secret_without_an_end_is_hidden_to_the_end_of_its_line() -> None:
    assert Redaction.of(Settings()).text('{"token": "abc\\"def\nnext') == '{"token": "***"\nnext'
