"""A real batch, as somebody who follows it live sees it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets.asyncio.client import connect

from tests.support.stack import ROOT, Stack, a_stack
from tests.support.world import delete_servers, operation, server, submit, taskserv

INFRA = "followed"

Events = list[dict[str, Any]]


@pytest.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("followed") / "state"
    async with a_stack(folder, catalogue_dirs=str(ROOT / "tests" / "catalogue")) as started:
        await started.start()
        yield started


async def followed(stack: Stack, operations: list[dict[str, Any]]) -> Events:
    """Everything that a client hears of the batch, from before its submission to its end."""
    token = stack.http.headers["Authorization"].removeprefix("Bearer ")
    url = f"{stack.base_url.replace('http', 'ws', 1)}/ws?{urlencode({'token': token})}"
    found: Events = []
    async with connect(url, proxy=None) as client, asyncio.timeout(300):
        batch_id = await submit(stack, operations)
        async for text in client:
            event = json.loads(text)
            if event["metadata"].get("batch_id") != batch_id:
                continue
            found.append(event)
            if event["event_type"] == "BatchOperationUpdate" and event["data"]["status"] != "Running":
                return found
    raise AssertionError("the connection ended before the batch did")


async def test_a_client_sees_the_batch_happen(running: Stack) -> None:
    found = await followed(
        running,
        [
            operation("web", [], INFRA, server_configs=[server("web")]),
            operation("service", ["web"], INFRA, taskservs=[taskserv("flaky", fail="later")]),
        ],
    )
    await delete_servers(running, INFRA)
    numbers = [int(event["metadata"]["sequence"]) for event in found]
    assert numbers == sorted(set(numbers))
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
