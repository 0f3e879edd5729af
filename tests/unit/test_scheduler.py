"""The schedule hands out what is ready, once, and nothing before its time."""

from hypothesis import given
from hypothesis import strategies as st

from tests.support.batches import graphs
from workflows.scheduler import Schedule


def take_all(schedule: Schedule) -> list[str]:
    taken = []
    while (item := schedule.take()) is not None:
        taken.append(item)
    return taken


@given(graphs(), st.randoms(use_true_random=False))
def test_everything_comes_once_and_after_what_it_needs(graph: dict[str, list[str]], chance: object) -> None:
    schedule = Schedule(graph)
    running: list[str] = []
    done: list[str] = []
    while True:
        for item in take_all(schedule):
            assert set(graph[item]) <= set(done)
            running.append(item)
        ready = {i for i, needs in graph.items() if set(needs) <= set(done)} - set(done)
        assert ready == set(running), "whatever is ready was handed out"
        if not running:
            break
        item = running.pop(chance.randrange(len(running)))  # type: ignore[attr-defined]  # a Random
        done.append(item)
        schedule.done(item)
    assert sorted(done) == sorted(graph)
    assert not schedule.waiting


@given(graphs(), st.data())
def test_giving_up_takes_exactly_what_depends_on_it(graph: dict[str, list[str]], data: st.DataObject) -> None:
    schedule = Schedule(graph)
    first = data.draw(st.sampled_from(take_all(schedule)))
    lost = schedule.give_up(first)
    behind: set[str] = set()
    for item, needs in graph.items():
        if {first, *behind} & set(needs):
            behind.add(item)
    assert set(lost) == behind
    assert lost == [item for item in graph if item in behind], "in the graph's order"
    assert not behind & schedule.waiting


@given(graphs(), st.data())
def test_a_schedule_goes_on_where_another_left(graph: dict[str, list[str]], data: st.DataObject) -> None:
    first = Schedule(graph)
    done: list[str] = []
    for _ in range(data.draw(st.integers(0, len(graph)))):
        item = first.take()
        if item is None:
            break
        done.append(item)
        first.done(item)
    second = Schedule(graph, done=done)
    assert take_all(second) == take_all(first)


def test_what_was_put_back_comes_again() -> None:
    schedule = Schedule({"a": [], "b": []})
    assert schedule.take() == "a"
    schedule.put_back("a")
    assert take_all(schedule) == ["a", "b"]


def test_what_runs_already_is_not_handed_out() -> None:
    schedule = Schedule({"a": [], "b": ["a"], "c": []}, gone=["a"])
    assert take_all(schedule) == ["c"]
    schedule.done("a")
    assert take_all(schedule) == ["b"]
