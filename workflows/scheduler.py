"""Which operation may start next. Pure bookkeeping over a DAG: no clock, no input or output."""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from workflows.domain.dag import Graph, dependents


class Schedule:
    """Walks a DAG: an item is ready once everything that it needs is done.

    Items come out in the order of the graph, so that the same history always gives the same decisions.

    Args:
        graph: each item and what it needs.
        done: items that are done already.
        gone: items that are under way, or will never be done.
    """

    def __init__(self, graph: Graph, *, done: Iterable[str] = (), gone: Iterable[str] = ()) -> None:
        self._order = {item: number for number, item in enumerate(graph)}
        self._items = list(graph)
        self._dependents = dependents(graph)
        self._missing = {item: len(set(needs)) for item, needs in graph.items()}
        self._ready: list[int] = []
        self._waiting = set(graph)
        for item, missing in self._missing.items():
            if missing == 0:
                heappush(self._ready, self._order[item])
        for item in done:
            self.done(item)
        self._waiting.difference_update(gone)

    def take(self) -> str | None:
        """The next ready item, which is then no longer waiting; None if there is none for now."""
        while self._ready:
            item = self._items[heappop(self._ready)]
            if item in self._waiting:
                self._waiting.discard(item)
                return item
        return None

    def put_back(self, item: str) -> None:
        """An item that was taken, and turned out not to have been started."""
        self._waiting.add(item)
        heappush(self._ready, self._order[item])

    def done(self, item: str) -> None:
        """`item` is done: whatever waited for it alone is ready."""
        self._waiting.discard(item)
        for dependent in self._dependents[item]:
            self._missing[dependent] -= 1
            if self._missing[dependent] == 0:
                heappush(self._ready, self._order[dependent])

    def give_up(self, item: str) -> list[str]:
        """`item` will never be done: removes and returns, in order, all that needs it, however indirectly."""
        self._waiting.discard(item)
        lost = {dependent for dependent in self._reachable(item) if dependent in self._waiting}
        self._waiting -= lost
        return sorted(lost, key=self._order.__getitem__)

    def give_up_all(self) -> list[str]:
        """Removes and returns, in order, everything that still waits."""
        lost = sorted(self._waiting, key=self._order.__getitem__)
        self._waiting.clear()
        return lost

    @property
    def waiting(self) -> frozenset[str]:
        return frozenset(self._waiting)

    def _reachable(self, item: str) -> Iterator[str]:
        seen = {item}
        stack = [item]
        while stack:
            for dependent in self._dependents[stack.pop()]:
                if dependent not in seen:
                    seen.add(dependent)
                    stack.append(dependent)
                    yield dependent
