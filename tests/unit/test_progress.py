"""Time left lies between what no schedule can beat and twice that."""

import heapq

from hypothesis import given
from hypothesis import strategies as st

from tests.support.batches import graphs
from workflows.domain.progress import percent, seconds_left
from workflows.scheduler import Schedule


def greedy_end(expected: dict[str, float], graph: dict[str, list[str]], slots: int) -> float:
    """When the batch would end if each operation took just what is expected."""
    schedule, now = Schedule(graph), 0.0
    running: list[tuple[float, str]] = []
    while True:
        while len(running) < slots and (item := schedule.take()) is not None:
            heapq.heappush(running, (now + expected[item], item))
        if not running:
            return now
        now, item = heapq.heappop(running)
        schedule.done(item)


@given(graphs(), st.integers(1, 4), st.data())
def test_the_estimate_is_within_a_factor_of_two(
    graph: dict[str, list[str]], slots: int, data: st.DataObject
) -> None:
    expected = {item: float(data.draw(st.integers(0, 50))) for item in graph}
    estimate, end = seconds_left(expected, graph, slots), greedy_end(expected, graph, slots)
    assert estimate <= end + 1
    assert end <= 2 * estimate


@given(graphs(), st.integers(1, 4), st.data())
def test_the_estimate_does_not_depend_on_the_order_of_the_operations(
    graph: dict[str, list[str]], slots: int, data: st.DataObject
) -> None:
    expected = {item: float(number) for number, item in enumerate(graph)}
    otherwise = {item: expected[item] for item in data.draw(st.permutations(list(graph)))}
    assert seconds_left(otherwise, graph, slots) == seconds_left(expected, graph, slots)


def test_nothing_left_takes_no_time() -> None:
    assert seconds_left({}, {"a": []}, 5) == 0


def test_percent_of_nothing_is_all() -> None:
    assert (percent(0, 0), percent(1, 3), percent(3, 3)) == (100.0, 33.3, 100.0)
