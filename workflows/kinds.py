"""Which workflow carries which kind of operation out."""

from collections.abc import Awaitable, Callable
from typing import Any

from workflows.clusters import ClustersWorkflow
from workflows.domain.batches import OperationInput, OperationResult
from workflows.domain.operations import OperationSpec
from workflows.servers import ServersWorkflow
from workflows.taskservs import TaskservsWorkflow

# All have one shape, but a class each: the name is what an operator sees.
_RUNS: dict[str, Callable[[Any, OperationInput], Awaitable[OperationResult]]] = {
    "server_batch": ServersWorkflow.run,
    "taskserv_batch": TaskservsWorkflow.run,
    "cluster_batch": ClustersWorkflow.run,
}

OPERATIONS = (ClustersWorkflow, ServersWorkflow, TaskservsWorkflow)


def run_of(operation: OperationSpec) -> Callable[[Any, OperationInput], Awaitable[OperationResult]]:
    return _RUNS[operation.type]
