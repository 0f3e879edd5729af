"""What is no DAG is refused, and the offending ids are named."""

import itertools

import pytest
from hypothesis import given

from tests.support.batches import graphs
from workflows.domain.dag import dependents, depends, validate
from workflows.domain.errors import InvalidRequest


@given(graphs())
def test_a_dag_passes(graph: dict[str, list[str]]) -> None:
    validate(list(graph.items()))


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([("a", []), ("b", []), ("a", []), ("b", [])], "duplicate operation id: a, b"),
        ([("a", ["a"])], "operation depends on itself: a"),
        ([("a", ["x"]), ("b", ["a", "y"])], "unknown dependency: x (of a), y (of b)"),
        ([("a", ["b"]), ("b", ["a"])], "operations depend on each other in a cycle: "),
    ],
)
def test_what_is_no_dag_is_refused_by_name(edges: list[tuple[str, list[str]]], message: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        validate(edges)
    assert refusal.value.message.startswith(message)


@given(graphs())
def test_a_cycle_is_found_wherever_it_is_closed(graph: dict[str, list[str]]) -> None:
    names = list(graph)
    if len(names) < 2:
        return
    edges = [*((n, needs) for n, needs in graph.items() if n != names[0]), (names[0], [names[1]])]
    closed = [(n, [*needs, names[0]] if n == names[1] else needs) for n, needs in edges]
    with pytest.raises(InvalidRequest) as refusal:
        validate(closed)
    assert names[0] in refusal.value.message
    assert names[1] in refusal.value.message


def test_a_cycle_is_told_in_the_direction_of_need() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        validate([("a", ["b"]), ("b", ["c"]), ("c", ["a"])])
    cycle = refusal.value.message.removeprefix("operations depend on each other in a cycle: ").split(" -> ")
    needs = {"a": "b", "b": "c", "c": "a"}
    assert all(needs[name] == following for name, following in itertools.pairwise(cycle))


@given(graphs())
def test_dependents_are_the_needs_turned_round(graph: dict[str, list[str]]) -> None:
    turned = dependents(graph)
    assert {(a, b) for a, needs in graph.items() for b in needs} == {
        (a, b) for b, those in turned.items() for a in those
    }


def test_one_depends_on_another_over_others() -> None:
    graph = {"a": [], "b": ["a"], "c": ["b"], "d": ["b", "c"], "e": ["a"]}
    found = {(one, other) for one in graph for other in graph if depends(graph, one, other)}
    assert found == {*(("b", "a"), ("c", "b"), ("c", "a")), *(("d", n) for n in "abc"), ("e", "a")}
