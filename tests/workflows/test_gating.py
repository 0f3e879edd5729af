"""Random batches, judged from their tasks' own start and end times: 20 at a time.

60 by default, 200 with `TEST_ROUNDS`.
"""

import os
from itertools import pairwise

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.batches import batch, graphs, server_operation
from tests.support.engine import Engine
from workflows.domain.batches import BatchSpec
from workflows.domain.records import TaskRecord
from workflows.domain.states import BatchStatus, TaskStatus


@st.composite
def wanted_batches(draw: st.DrawFn) -> BatchSpec:
    graph = draw(graphs(max_size=8))
    seconds = {name: draw(st.sampled_from(["0", "0.02", "0.1"])) for name in graph}
    limit = draw(st.integers(1, 4))
    # Servers of all batches share one provider, so their names say whose they are.
    wanted = batch(parallel_limit=limit)
    operations = tuple(
        server_operation(name, needs, infra=f"i{wanted.batch_id}", create_seconds=seconds[name])
        for name, needs in graph.items()
    )
    return wanted.model_copy(update={"operations": operations})


# Shrinking would run thousands of batches; each failing one is small enough to read as it is.
@settings(
    max_examples=10 if "TEST_ROUNDS" in os.environ else 3,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(wanted=st.lists(wanted_batches(), min_size=20, max_size=20))
async def test_gating_and_parallel_limit(engine: Engine, wanted: list[BatchSpec]) -> None:
    results = await engine.run_all(wanted)
    assert {result.status for result in results} == {BatchStatus.COMPLETED}
    for one in wanted:
        judge(one, await engine.tasks(one))


def judge(wanted: BatchSpec, tasks: dict[str, TaskRecord]) -> None:
    assert set(tasks) == {operation.id for operation in wanted.operations}
    assert {task.status for task in tasks.values()} == {TaskStatus.COMPLETED}
    moments = sorted({moment(task) for task in tasks.values() for moment in (started, ended)})
    for operation in wanted.operations:
        for need in operation.dependencies:
            assert ended(tasks[need]) <= started(tasks[operation.id]), f"{operation.id} before {need} ended"
    for begin, _ in pairwise(moments):
        running = [n for n, task in tasks.items() if started(task) <= begin < ended(task)]
        ready = [
            operation.id
            for operation in wanted.operations
            if started(tasks[operation.id]) > begin
            and all(ended(tasks[need]) <= begin for need in operation.dependencies)
        ]
        assert len(running) <= wanted.parallel_limit
        assert not ready or len(running) == wanted.parallel_limit, f"{ready} wait though a slot is free"


def started(task: TaskRecord) -> float:
    assert task.started_at is not None
    return task.started_at.timestamp()


def ended(task: TaskRecord) -> float:
    assert task.completed_at is not None
    return task.completed_at.timestamp()
