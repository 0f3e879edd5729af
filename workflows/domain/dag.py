"""The shape of a batch: which operation needs which, and what makes a set of operations no DAG."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from workflows.domain.errors import InvalidRequest

Graph = Mapping[str, Sequence[str]]
"""Operation id to the ids that it depends on."""


def validate(edges: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Refuses duplicate ids, self-dependencies, unknown dependencies and cycles, naming the ids.

    Raises:
        InvalidRequest: with every offending id of the first kind of mistake found.
    """
    counts = Counter(operation for operation, _ in edges)
    _refuse("duplicate operation id", (name for name, n in counts.items() if n > 1))
    _refuse("operation depends on itself", (name for name, needs in edges if name in needs))
    _refuse(
        "unknown dependency",
        (f"{need} (of {name})" for name, needs in edges for need in needs if need not in counts),
    )
    if found := cycle(edges):
        raise InvalidRequest(cycle_text(found))


def cycle(edges: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """One cycle, each operation before the one that it needs, the first once more at the end; [] without."""
    try:
        TopologicalSorter(dict(edges)).prepare()
    except CycleError as error:
        # graphlib follows the arrows backwards; an operator reads "needs" forwards.
        return list(reversed(error.args[1]))
    return []


def cycle_text(found: Sequence[str]) -> str:
    return f"operations depend on each other in a cycle: {' -> '.join(found)}"


def _refuse(what: str, names: Iterable[str]) -> None:
    found = sorted(set(names))
    if found:
        raise InvalidRequest(f"{what}: {', '.join(found)}")


def before(graph: Graph, name: str) -> list[str]:
    """All that `name` depends on, directly or not, each behind what it depends on itself."""
    needed: dict[str, Sequence[str]] = {}
    waiting = list(graph[name])
    while waiting:
        need = waiting.pop()
        if need not in needed:
            needed[need] = graph[need]
            waiting.extend(graph[need])
    return list(TopologicalSorter(needed).static_order())


def depends(graph: Graph, name: str, other: str) -> bool:
    """Whether `name` needs `other`, directly or over others."""
    return other in before(graph, name)


def dependents(graph: Graph) -> dict[str, list[str]]:
    """Who depends directly on each operation, in the graph's order."""
    result: dict[str, list[str]] = {name: [] for name in graph}
    for name, needs in graph.items():
        for need in dict.fromkeys(needs):
            result[need].append(name)
    return result
