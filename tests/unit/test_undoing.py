"""The algebra of rollback: whatever was done, and undone, going back to a moment brings back its world."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.batches import server
from tests.support.ledger_world import REQUIRES, Picture, World, picture_at
from workflows.domain.actions import (
    Cause,
    CreateServer,
    DeleteServer,
    InstallTaskserv,
    RemoveTaskserv,
    RestartTaskserv,
)
from workflows.domain.effects import Effect, EffectKind
from workflows.domain.inventory import LedgerEntry
from workflows.domain.resources import Taskserv, dependents_first
from workflows.domain.undoing import (
    Undoing,
    at_odds,
    in_order,
    in_the_way,
    members,
    nearest,
    standing,
)


def do_something(world: World, draw: st.DataObject) -> None:
    """One task that changes a few things."""
    cause = Cause(task_id=world.new_task())
    seen: set[str] = set()
    for name, service, deed, size in draw.draw(DEEDS):
        key = f"default/{name}"
        there, what = world.servers.get(key), f"{key}/{service}"
        if key in seen:
            continue
        seen.add(key)
        if there is None:
            world.act(CreateServer(cause=cause, spec=server(name).spec))
        elif deed == "delete":
            on_it = tuple(t for t in world.taskservs.values() if t.server.key == key)
            world.act(DeleteServer(cause=cause, server=there, taskservs=on_it))
        elif any(f"{key}/{required}" not in world.taskservs for required in REQUIRES.get(service, ())):
            continue
        elif deed == "remove" and what in world.taskservs:
            if world.needing(world.taskservs[what]):
                continue
            world.act(RemoveTaskserv(cause=cause, server=there, name=service))
        elif deed == "restart" and what in world.taskservs:
            world.act(RestartTaskserv(cause=cause, server=there, name=service))
        elif what not in world.taskservs or world.taskservs[what].params != {"size": size}:
            world.act(InstallTaskserv(cause=cause, server=there, name=service, params={"size": size}))


def roll_back(world: World, draw: st.DataObject, pictures: list[Picture]) -> None:
    """To a moment in the past, whose picture must come back."""
    position = draw.draw(st.integers(0, len(world.ledger)))
    wanted = in_order(standing(world.after(position)), {})
    if draw.draw(st.booleans()):
        # Some of it fails at first. Any moment since can be gone back to, and what is left to do is done.
        begun, ids = len(world.ledger), [undoing.effect.id for undoing in wanted]
        world.undo_but(wanted, draw.draw(st.sets(st.sampled_from(ids))) if ids else ())
        assert world.picture() == picture_at(world, len(world.ledger))
        since = draw.draw(st.integers(begun, len(world.ledger)))
        world.undo(in_order(standing(world.after(since)), {}))
        assert world.picture() == picture_at(world, since)
        wanted = in_order(standing(world.after(position)), {})
    world.undo(wanted)
    assert world.picture() == pictures[position]
    assert standing(world.after(position)) == []


def undo_a_task(world: World, draw: st.DataObject) -> None:
    """Alone, where nothing stands on it; taking that back must bring back the picture of before."""
    tasks = sorted({entry.effect.cause.task_id for entry in world.ledger})
    wanted = standing(world.of_task(draw.draw(st.sampled_from(tasks))))
    if in_the_way(wanted, world.ledger):
        return
    before = world.picture()
    task = world.undo(in_order(wanted, {}))
    if draw.draw(st.booleans()):
        world.undo(in_order(standing(world.of_task(task)), {}))
        assert world.picture() == before


DEEDS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(["beacon", "echo"]),
        st.sampled_from(["delete", "install", "install", "restart", "remove"]),
        st.integers(1, 2),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_going_back_to_a_moment_brings_back_its_world(draw: st.DataObject) -> None:
    world = World()
    pictures: list[Picture] = [{}]
    for _ in range(draw.draw(st.integers(1, 10))):
        what = draw.draw(st.sampled_from(["do", "do", "back", "undo"]))
        done = len(world.ledger)
        if what == "do" or not world.ledger:
            do_something(world, draw)
        elif what == "back":
            roll_back(world, draw, pictures)
        else:
            undo_a_task(world, draw)
        pictures.extend(picture_at(world, position) for position in range(done + 1, len(world.ledger) + 1))


@pytest.mark.parametrize(
    "failing", [{3}, {4}, {3, 4}, {5}, {3, 4, 5}, {6}, {7}, {4, 5, 6, 7}, {7, 8}, {3, 7, 8}]
)
def test_what_was_overtaken_stands_in_the_ledger_as_if_undone_in_turn(failing: set[int]) -> None:
    def done() -> World:
        """1: a server; 2 to 5: a task service comes, changes, goes, comes; 6 to 8: with another server."""
        world, by = World(), Cause(task_id="t")
        world.act(CreateServer(cause=by, spec=server("a").spec))
        there = world.servers["default/a"]
        for number, size in enumerate((1, 2, None, 3)):
            cause = Cause(task_id=f"t{number}")
            if size is None:
                world.act(RemoveTaskserv(cause=cause, server=there, name="beacon"))
            else:
                world.act(InstallTaskserv(cause=cause, server=there, name="beacon", params={"size": size}))
        on_it = tuple(world.taskservs.values())
        world.act(DeleteServer(cause=Cause(task_id="gone"), server=there, taskservs=on_it))
        world.act(CreateServer(cause=Cause(task_id="anew"), spec=server("a").spec))
        ids = {e.effect.id for e in world.ledger if e.position in failing}
        world.undo_but(in_order(standing(world.after(1)), {}), ids)
        return world

    for moment in range(len(done().ledger) + 1):
        world = done()
        world.undo(in_order(standing(world.after(moment)), {}))
        assert world.picture() == picture_at(world, moment)


def entry(position: int, task: str, *, undoes: str | None = None, on: str = "a") -> LedgerEntry:
    """An effect that is named by its position."""
    made = server(on)
    effect = Effect(
        id=str(position),
        kind=EffectKind.SERVER_DELETED if undoes else EffectKind.SERVER_CREATED,
        cause=Cause(task_id=task, undoes=undoes),
        at=datetime.now(UTC),
        before=made if undoes else None,
        after=None if undoes else made,
    )
    return LedgerEntry(position=position, effect=effect)


def test_what_was_taken_back_before_the_moment_is_made_again_and_no_more() -> None:
    made, back, again = entry(1, "t"), entry(2, "r", undoes="1"), entry(3, "s", undoes="2")
    assert [u.effect.id for u in standing([back])] == ["2"]
    assert standing([made, back]) == []
    assert standing([back, again]) == []
    assert [(u.effect.id, u.task_id) for u in standing([made, back, again])] == [("3", "t")]


def test_nothing_is_undone_before_what_was_built_on_it() -> None:
    # The third server needs the first; yet it was written down before it.
    entries = [entry(1, "late", on="c"), entry(2, "early", on="a"), entry(3, "other", on="b")]
    graph = {"late": ["early"], "early": [], "other": []}
    assert [u.position for u in in_order(standing(entries), graph)] == [3, 1, 2]


def test_a_need_that_did_nothing_is_passed_through() -> None:
    needs = {"a": ["b"], "b": ["c", "d"], "c": ["e"], "d": [], "e": []}
    assert nearest(needs, ["a", "d", "e"]) == {"a": ["d", "e"], "d": [], "e": []}


def test_what_others_did_on_a_server_is_in_the_way_of_undoing_it() -> None:
    world = World()
    make, install = Cause(task_id="make"), Cause(task_id="install")
    world.act(CreateServer(cause=make, spec=server("a").spec))
    world.act(InstallTaskserv(cause=install, server=world.servers["default/a"], name="redis"))
    assert [u.task_id for u in in_the_way(standing(world.of_task("make")), world.ledger)] == ["install"]
    both = standing([*world.of_task("make"), *world.of_task("install")])
    assert in_the_way(both, world.ledger) == []
    # The same, where the ledger has them the other way round.
    turned = [e.model_copy(update={"position": 3 - e.position}) for e in world.ledger]
    alone = standing(e for e in turned if e.effect.cause.task_id == "make")
    assert [undoing.task_id for undoing in in_the_way(alone, turned)] == ["install"]


def with_beacon_and_echo() -> World:
    """A server and two task services, of which the second needs the first, each by a task of its own."""
    world = World()
    world.act(CreateServer(cause=Cause(task_id="make"), spec=server("a").spec))
    there = world.servers["default/a"]
    for service in ("beacon", "echo"):
        world.act(InstallTaskserv(cause=Cause(task_id=service), server=there, name=service))
    return world


def remove_both(world: World) -> None:
    for service in ("echo", "beacon"):
        cause, there = Cause(task_id=f"no-{service}"), world.servers["default/a"]
        world.act(RemoveTaskserv(cause=cause, server=there, name=service))


def test_what_another_cannot_do_without_is_not_undone_alone() -> None:
    world = with_beacon_and_echo()
    assert [u.task_id for u in in_the_way(standing(world.of_task("beacon")), world.ledger)] == ["echo"]
    assert in_the_way(standing(world.of_task("echo")), world.ledger) == []
    # Neither does one come back before the other.
    remove_both(world)
    assert [u.task_id for u in in_the_way(standing(world.of_task("no-echo")), world.ledger)] == ["no-beacon"]
    assert in_the_way(standing(world.of_task("no-beacon")), world.ledger) == []


def test_what_another_took_away_is_in_the_way_even_where_a_third_has_replaced_it() -> None:
    """Or else it would stand on the replacement, and going back over all of it would find no order."""
    world = with_beacon_and_echo()
    remove_both(world)
    there = world.servers["default/a"]
    world.act(InstallTaskserv(cause=Cause(task_id="another"), server=there, name="beacon"))
    assert [u.task_id for u in in_the_way(standing(world.of_task("no-echo")), world.ledger)] == ["no-beacon"]
    tasks = ("no-echo", "no-beacon", "another")
    together = standing([entry for task in tasks for entry in world.of_task(task)])
    assert in_the_way(together, world.ledger) == []


def test_nothing_comes_back_where_its_ground_goes_with_it() -> None:
    world = with_beacon_and_echo()
    no_echo = world.undo(standing(world.of_task("echo")))
    back, beacon = standing(world.of_task(no_echo)), standing(world.of_task("beacon"))
    assert in_the_way([*back, *beacon], world.ledger) == []
    assert [taskserv.name for taskserv in at_odds([*back, *beacon])] == ["echo"]
    assert at_odds(back) == at_odds(beacon) == []
    no_beacon = world.undo(standing(world.of_task("beacon")))
    back, make = standing(world.of_task(no_beacon)), standing(world.of_task("make"))
    assert in_the_way([*back, *make], world.ledger) == []
    assert [taskserv.name for taskserv in at_odds([*back, *make])] == ["beacon"]


def test_what_is_deleted_with_its_server_goes_before_what_it_requires() -> None:
    there = server("a")

    def installed(name: str, *requires: str) -> Taskserv:
        return Taskserv(name=name, server=there, address="a:1", owner="o", requires=requires)

    some = [installed("a"), installed("b", "a", "gone"), installed("c"), installed("d", "b"), installed("e")]
    assert [one.name for one in dependents_first(some)] == ["d", "b", "a", "c", "e"]


def test_what_somebody_else_labelled_so_goes_back_side_by_side() -> None:
    def made(name: str, cluster: str) -> Undoing:
        bare = server(name)
        spec = bare.spec.model_copy(update={"labels": {"cluster": cluster}})
        there = entry(1, "t", on=name)
        effect = there.effect.model_copy(update={"after": bare.model_copy(update={"spec": spec})})
        return Undoing(entry=there.model_copy(update={"effect": effect}))

    infra = server("web-1").spec.infra
    undoings = [made("etcd-1", "etcd"), made("etcd-2", "etcd"), made("web-1", "prod"), made("db", "db")]
    assert members(undoings) == {f"{infra}/etcd-{n}": f"{infra}/etcd" for n in (1, 2)}


def test_a_restart_stands_in_nobodys_way_and_is_not_undone() -> None:
    world = World()
    world.act(CreateServer(cause=Cause(task_id="make"), spec=server("a").spec))
    there = world.servers["default/a"]
    world.act(InstallTaskserv(cause=Cause(task_id="install"), server=there, name="redis"))
    world.act(RestartTaskserv(cause=Cause(task_id="again"), server=there, name="redis"))
    assert standing(world.of_task("again")) == []
    assert in_the_way(standing(world.of_task("install")), world.ledger) == []
    assert [one.position for one in in_order(standing(world.ledger), {})] == [2, 1]
