"""The list of an infra's locks: who asked first is served first, and nobody shares a server."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.support.samples import NOON
from workflows.domain.locks import MAX_TOLD, Lock, LockRequest, LockTable, requests, waits_for
from workflows.domain.touching import Touch, expanded


def request(holder: str, *names: str, any_server: bool = False) -> LockRequest:
    return LockRequest(
        holder=holder, what=f"batch {holder}", names=None if any_server else tuple(names), at=NOON
    )


def table(*asked: LockRequest) -> LockTable:
    made = LockTable()
    for one in asked:
        made.ask(one)
    made.grant(NOON + timedelta(seconds=1))
    return made


def holders(made: LockTable) -> list[str]:
    return [lock.holder for lock in made.locks if lock.held]


def servers(lock: Lock) -> set[str] | None:
    return None if lock.names is None else set(expanded(lock.names))


def meet(one: Lock, other: Lock) -> bool:
    mine, others = servers(one), servers(other)
    return mine is None or others is None or bool(mine & others)


def test_different_servers_are_held_at_the_same_time() -> None:
    assert holders(table(request("a", "web-{1..3}"), request("b", "web-4"), request("c", "db"))) == list(
        "abc"
    )


def test_counted_names_are_the_servers_that_they_stand_for() -> None:
    assert holders(table(request("a", "web-{1..3}"), request("b", "web-2"))) == ["a"]


def test_the_whole_infra_meets_everybody() -> None:
    made = table(request("a", "web"), request("b", any_server=True), request("c", "db"))
    assert holders(made) == ["a"]
    made.remove("a")
    made.grant(NOON)
    assert holders(made) == ["b"]
    made.remove("b")
    made.grant(NOON)
    assert holders(made) == ["c"]


def test_nobody_overtakes_whom_he_would_have_to_wait_for() -> None:
    """c could have `db` now, but b asked for it before and will need it."""
    assert holders(table(request("a", "web"), request("b", "web", "db"), request("c", "db"))) == ["a"]


def test_asking_again_keeps_the_place_and_what_was_granted() -> None:
    made = table(request("a", "web"), request("b", "web"))
    before = made.locks
    made.ask(request("a", "web"))
    assert made.locks == before


def test_what_was_taken_for_one_who_does_not_run_yet_can_be_withdrawn_until_it_asks() -> None:
    made = LockTable()
    made.ask(request("a", "web"), listening=False)
    made.grant(NOON)
    assert made.news("shop") == {}
    made.withdraw("a")
    assert not made.locks
    made.ask(request("a", "web"), listening=False)
    made.ask(request("a", "web"))
    made.withdraw("a")
    assert [lock.holder for lock in made.locks] == ["a"]


def test_who_waits_is_told_behind_whom() -> None:
    news = table(request("a", "web"), request("b", "db"), request("c", "web", "db")).news("shop")
    assert (news["a"].held, news["b"].held, news["c"].held) == (True, True, False)
    assert [lock.holder for lock in news["c"].behind] == ["a", "b"]
    told = waits_for(news["c"])
    assert "infra shop" in told and "batch a (a)" in told and "2026-01-02 12:00:01 UTC" in told


def test_a_long_queue_tells_only_its_first() -> None:
    made = table(*(request(str(n), "web") for n in range(2 * MAX_TOLD)))
    assert len(made.news("shop")) == MAX_TOLD + 1
    assert [lock.holder for lock in made.blocking()] == ["0"]


def test_everybody_asks_for_infras_in_one_order() -> None:
    touched = [Touch(infra="y", names=("a",)), Touch(infra="z", names=()), Touch(infra="x", names=None)]
    assert [infra for infra, _ in requests("h", "w", touched, NOON)] == ["x", "y"]


names = st.sampled_from(["a", "b", "c", "d-{1..2}", "d-1", "d-2"])
wishes = st.none() | st.lists(names, min_size=1, max_size=3, unique=True)


@given(st.lists(st.tuples(st.integers(0, 8), wishes), max_size=40))
def test_whatever_comes_no_two_share_a_server_and_the_first_always_gets_on(
    steps: list[tuple[int, list[str] | None]],
) -> None:
    """A holder that is in the list releases, another one asks."""
    made = LockTable()
    for number, wish in steps:
        holder = str(number)
        if any(lock.holder == holder for lock in made.locks):
            made.remove(holder)
        else:
            made.ask(LockRequest(holder=holder, what="x", names=wish and tuple(wish), at=NOON))
        made.grant(NOON)
        held = [lock for lock in made.locks if lock.held]
        assert not any(meet(one, other) for one in held for other in held if one is not other)
        for place, lock in enumerate(made.locks):
            before = [other for other in made.locks[:place] if meet(lock, other)]
            assert lock.held == (not before)
