"""In which order, and beside what, the steps of a rollback are taken."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from workflows.backwards import backwards
from workflows.domain.actions import Cause
from workflows.domain.effects import Effect, EffectKind
from workflows.domain.resources import Server, ServerSpec, SshEndpoint
from workflows.domain.rollbacks import EffectToUndo, RollbackPart

SERVERS = ("a", "b", "c", "d")


def step(position: int, server: str, task: str) -> EffectToUndo:
    spec = ServerSpec(infra="i", name=server, provider="memory", plan="p", zone="z")
    made = Server(spec=spec, provider_id="1", owner="o", ssh=SshEndpoint(host="h", port=22, user="u"))
    effect = Effect(
        id=str(position),
        kind=EffectKind.SERVER_CREATED,
        cause=Cause(task_id=task),
        at=datetime(2026, 1, 1, tzinfo=UTC),
        after=made,
    )
    return EffectToUndo(position=position, effect=effect, task_id=task)


async def taken(
    steps: Sequence[EffectToUndo], members: Mapping[str, str], needs: Mapping[str, tuple[str, ...]]
) -> list[set[int]]:
    """Which steps were under way at the same time, each time that one had begun."""
    part = RollbackPart(steps=tuple(steps), needs=dict(needs), members=dict(members), servers={})
    under_way: set[int] = set()
    seen: list[set[int]] = []

    async def undo(one: EffectToUndo) -> None:
        under_way.add(one.position)
        seen.append(set(under_way))
        await asyncio.sleep(0)
        under_way.discard(one.position)

    await backwards(part, undo)
    return seen


async def test_members_of_one_cluster_follow_each_other_and_others_run_beside_them() -> None:
    steps = [step(4 - n, server, f"task-{n}") for n, server in enumerate(SERVERS)]
    members = {"i/a": "i/etcd", "i/b": "i/etcd", "i/c": "i/web"}
    seen = await taken(steps, members, {f"task-{n}": () for n in range(4)})
    assert not any({4, 3} <= together for together in seen)
    assert {4, 2, 1} in seen


@given(
    st.lists(st.sampled_from(SERVERS), max_size=12),
    st.dictionaries(st.sampled_from(SERVERS), st.sampled_from(["x", "y"])),
    st.lists(st.integers(0, 3), min_size=12, max_size=12),
)
def test_every_step_is_taken_once_and_never_two_of_a_kind_at_once(
    servers: list[str], clusters: dict[str, str], tasks: list[int]
) -> None:
    members = {f"i/{server}": cluster for server, cluster in clusters.items()}
    # A plan is in order: what a task needs comes after it.
    ordered = sorted(zip(servers, tasks, strict=False), key=lambda one: one[1])
    steps = [step(99 - n, server, f"t{task}") for n, (server, task) in enumerate(ordered)]
    present = {str(one.task_id) for one in steps}
    needs = {t: tuple({f"t{int(t[1:]) + 1}"} & present) for t in present}
    seen = asyncio.run(taken(steps, members, needs))
    places = {one.position: members.get(f"i/{s}", s) for one, (s, _) in zip(steps, ordered, strict=True)}
    assert len(seen) == len(steps)
    assert set().union(*seen) == {one.position for one in steps}
    for together in seen:
        assert len({places[position] for position in together}) == len(together)
