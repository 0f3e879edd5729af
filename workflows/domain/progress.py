"""How far a workflow is, and how long it may still take."""

import math
from collections.abc import Mapping, Sequence

from pydantic import Field

from workflows.domain.dag import Graph
from workflows.domain.resources import Frozen


class ProgressInfo(Frozen):
    """Field by field the contract's `ProgressInfo`. Progress in percent, time in whole seconds."""

    workflow_id: str
    progress: float = Field(ge=0, le=100)
    current_step: str
    total_steps: int = Field(ge=1)
    completed_steps: int = Field(ge=0)
    estimated_time_remaining: int | None = None


def percent(completed: int, total: int) -> float:
    return 100.0 if total == 0 else round(100.0 * completed / total, 1)


def seconds_left(expected: Mapping[str, float], graph: Graph, parallel_limit: int) -> int:
    """The time that is left, in seconds, from what each unfinished operation is still expected to take.

    No schedule can be shorter than its longest chain, nor than all work spread over all slots; the larger
    of the two is within a factor of two of any greedy schedule (Graham's bound). `expected` holds the
    unfinished operations only.
    """
    ends: dict[str, float] = {}
    waiting = [*expected]
    while waiting:
        needs = [need for need in graph[waiting[-1]] if need in expected]
        if unknown := [need for need in needs if need not in ends]:
            waiting += unknown
            continue
        name = waiting.pop()
        ends[name] = expected[name] + max((ends[need] for need in needs), default=0.0)
    longest_chain = max(ends.values(), default=0.0)
    spread = sum(expected.values()) / max(1, parallel_limit)
    return math.ceil(max(longest_chain, spread))


def mean(seconds: Sequence[float]) -> float | None:
    return sum(seconds) / len(seconds) if seconds else None
