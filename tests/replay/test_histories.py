"""Today's workflows go on with what earlier ones began: golden histories, replayed.

When one fails, a workflow changed in a way that breaks what is running. `workflow.patched` is the way out;
`python -m tests.replay.record` is one only before a first release.
"""

import base64
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from activities.workflow_sandbox import workflow_runner
from tests.replay.record import HISTORIES, IDENTITY, MANY_RUNS, every_scenario
from tests.replay.scenarios import Scenario
from worker import WORKFLOWS
from workflows.batch_engine import BatchRun
from workflows.batch_state import BatchInput
from workflows.codec import data_converter
from workflows.domain.batches import BatchResult, OperationInput, OperationResult
from workflows.operation import OperationRun, Plan
from workflows.policies import ActivityOptions

SERVER = "history-service"
"""How the Temporal server calls itself."""

ALL = sorted(HISTORIES.glob("*/*.json"))


def load(path: Path) -> WorkflowHistory:
    started = json.loads(path.read_text())["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(started["workflowId"], path.read_text())


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("strict", [False, True], ids=["production", "strict"])
@pytest.mark.parametrize("path", ALL, ids=name_of)
async def test_a_golden_history_replays(path: Path, strict: bool) -> None:
    replayer = Replayer(
        workflows=WORKFLOWS, data_converter=data_converter, workflow_runner=workflow_runner(strict=strict)
    )
    await replayer.replay_workflow(load(path))


def test_each_scenario_has_its_histories() -> None:
    recorded = {name_of(path) for path in ALL}
    operations = {
        f"{one.name}/operation-{name}"
        for one in every_scenario()
        if isinstance(one, Scenario)
        for name in one.children
    }
    assert {name for name in recorded if "/operation-" in name} == operations
    assert {name.partition("/")[0] for name in recorded} == {one.name for one in every_scenario()}


@pytest.mark.parametrize("scenario", [one.name for one in every_scenario() if one.continued])
def test_what_is_continued_has_runs_that_hand_over(scenario: str) -> None:
    numbered = sorted(
        (int(number), path)
        for path in ALL
        if path.parent.name == scenario
        for kind, _, number in [path.stem.rpartition("-")]
        if kind in MANY_RUNS
    )
    runs = [load(path) for _, path in numbered]
    continued = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW
    assert [run.events[-1].event_type == continued for run in runs] == [True] * (len(runs) - 1) + [False]
    assert len(runs) > 1


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_a_golden_history_names_nobody(path: Path) -> None:
    objects = list(_objects(json.loads(path.read_text())))
    assert {one["identity"] for one in objects if "identity" in one} <= {IDENTITY, SERVER}
    told = [
        path.read_text(),
        *(base64.b64decode(one["data"]).decode(errors="replace") for one in objects if "data" in one),
    ]
    secrets = (str(HISTORIES.parents[2]), str(Path.home()) + "/", f"@{socket.gethostname()}")
    assert [secret for secret in secrets if any(secret in text for text in told)] == []


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _objects(one)


@workflow.defn(name="BatchWorkflow")
class HastyBatch:
    """Like the real one, but accepts no batch."""

    @workflow.init
    def __init__(self, request: BatchInput) -> None:
        self._run = BatchRun(request.batch, request.state)
        self._run.state.accepted = True

    @workflow.run
    async def run(self, request: BatchInput) -> BatchResult | None:  # noqa: ARG002 - taken by __init__
        return await self._run.run()


class HastyOperation:
    """Like the real ones, but has nothing to do."""

    async def carry_out(self, request: OperationInput) -> OperationResult:
        return await OperationRun(request).carry_out(nothing)


async def nothing(request: OperationInput, options: ActivityOptions) -> Plan:
    return Plan(chains=())


@workflow.defn(name="ServersWorkflow")
class HastyServers(HastyOperation):
    @workflow.run
    async def run(self, request: OperationInput) -> OperationResult:
        return await self.carry_out(request)


@workflow.defn(name="TaskservsWorkflow")
class HastyTaskservs(HastyOperation):
    @workflow.run
    async def run(self, request: OperationInput) -> OperationResult:
        return await self.carry_out(request)


@workflow.defn(name="ClustersWorkflow")
class HastyClusters(HastyOperation):
    @workflow.run
    async def run(self, request: OperationInput) -> OperationResult:
        return await self.carry_out(request)


@pytest.mark.parametrize(
    "name",
    ["success/batch-1", "success/operation-make", "success/operation-install", "cluster_life/operation-grow"],
)
async def test_a_workflow_that_leaves_something_out_does_not_replay(name: str) -> None:
    replayer = Replayer(
        workflows=[HastyBatch, HastyServers, HastyTaskservs, HastyClusters],
        data_converter=data_converter,
        workflow_runner=workflow_runner(strict=False),
    )
    with pytest.raises(workflow.NondeterminismError):
        await replayer.replay_workflow(load(HISTORIES / f"{name}.json"))
