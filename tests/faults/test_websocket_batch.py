"""A real batch, as somebody who follows it live sees it.

On a wide stack (`tests/support/topology.py`) they go to and fro between its API processes meanwhile.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import cycle
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets.asyncio.client import connect

from tests.support.stack import ROOT, Stack, a_stack
from tests.support.world import delete_servers, operation, server, submit, taskserv

INFRA = "followed"

Events = list[dict[str, Any]]

MOVES_AFTER = 4
"""Events that it takes from one of several processes."""


@pytest.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("followed") / "state"
    async with a_stack(folder, catalogue_dirs=str(ROOT / "tests" / "catalogue")) as started:
        await started.start()
        yield started


async def followed(stack: Stack, operations: list[dict[str, Any]]) -> tuple[Events, str]:
    """Everything that a client hears from before a batch's submission to its end, and the batch's id."""
    query = {"token": stack.http.headers["Authorization"].removeprefix("Bearer ")}
    heard: Events = []
    batch_id = ""
    async with asyncio.timeout(300):
        for url in cycle(stack.urls):
            async with connect(f"{url.replace('http', 'ws', 1)}/ws?{urlencode(query)}", proxy=None) as client:
                batch_id = batch_id or await submit(stack, operations)
                async for text in client:
                    event = json.loads(text)
                    query["since"] = event["metadata"]["sequence"]
                    heard.append(event)
                    if is_end(event, batch_id):
                        return heard, batch_id
                    if len(stack.urls) > 1 and len(heard) % MOVES_AFTER == 0:
                        break
                else:
                    raise AssertionError("the connection ended before the batch did")
    raise AssertionError("there is no process")


def is_end(event: dict[str, Any], batch_id: str) -> bool:
    if event["metadata"].get("batch_id") != batch_id or event["event_type"] != "BatchOperationUpdate":
        return False
    return bool(event["data"]["status"] != "Running")


async def test_a_client_sees_the_batch_happen(running: Stack) -> None:
    heard, batch_id = await followed(
        running,
        [
            operation("web", [], INFRA, server_configs=[server("web")]),
            operation("service", ["web"], INFRA, taskservs=[taskserv("flaky", fail="later")]),
        ],
    )
    await delete_servers(running, INFRA)
    numbers = [int(event["metadata"]["sequence"]) for event in heard]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    found = [event for event in heard if event["metadata"].get("batch_id") == batch_id]
    kinds = {event["event_type"] for event in found}
    assert kinds == {"TaskStatusChanged", "BatchOperationUpdate", "WorkflowProgressUpdate", "LogEntry"}
    changes = [event["data"] for event in found if event["event_type"] == "TaskStatusChanged"]
    statuses: dict[str, list[str]] = {}
    for change in changes:
        so_far = statuses.setdefault(change["name"], ["Pending"])
        assert change["previous_status"] == so_far[-1]
        if change["status"] != so_far[-1]:
            so_far.append(change["status"])
    assert set(map(tuple, statuses.values())) == {("Pending", "Running", "Completed")}
    assert len(statuses) == 2
    # Nothing of the service comes before its server stands.
    order = [(change["name"], change["status"]) for change in changes]
    first, second = list(statuses)
    assert order.index((first, "Completed")) < order.index((second, "Running"))
    lines = [event for event in found if event["event_type"] == "LogEntry"]
    assert "not now" in {line["data"]["line"] for line in lines}
    for line in lines:
        assert {"task_id", "server", "taskserv", "line"} <= line["data"].keys()
        assert line["data"]["taskserv"] == "flaky"
        assert line["metadata"]["task_id"] == line["data"]["task_id"]
    progress = [e["data"]["progress"] for e in found if e["event_type"] == "WorkflowProgressUpdate"]
    assert progress == sorted(progress)
