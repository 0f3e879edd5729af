"""Where task services will go, told from the batch: as they then go."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from tests.support.batches import graphs, server, server_operation, taskserv_operation
from workflows.domain.operations import OperationSpec, ServerOperation, TaskservOperation
from workflows.domain.placement import Placement, placements
from workflows.domain.resources import Server
from workflows.handing_on import servers_for

T = TypeVar("T")

INFRAS = ("shop", "lab")
PROVIDERS = ("memory", "other")


@st.composite
def batches(draw: st.DrawFn) -> list[OperationSpec]:
    """Servers and task services of two infras at two providers, with any dependencies."""
    operations: list[OperationSpec] = []
    for name, needs in draw(graphs(max_size=7)).items():
        infra, provider = draw(st.sampled_from(INFRAS)), draw(st.sampled_from(PROVIDERS))
        if draw(st.booleans()):
            operations.append(server_operation(name, needs, infra=infra, provider=provider))
        else:
            # Named ones are of the operation's own provider, which a batch alone cannot tell.
            servers = draw(st.sampled_from([None, [f"{provider}-1"], [f"{provider}-1", f"{provider}-2"]]))
            operations.append(
                taskserv_operation(name, needs, infra=infra, provider=provider, servers=servers)
            )
    return operations


def carried_out(operations: Sequence[OperationSpec]) -> Mapping[str, tuple[Server, ...] | None]:
    """The servers that each one makes or works on; None where it asks the inventory, or one before it did."""
    specs = {operation.id: operation for operation in operations}
    done: dict[str, tuple[Server, ...] | None] = {}
    for one in operations:  # each after what it needs
        infra = one.config.infra
        if isinstance(one, ServerOperation):
            done[one.id] = (server(one.id, one.provider, infra),)
        elif not isinstance(one, TaskservOperation):
            raise AssertionError(one)
        elif one.config.servers is not None:
            done[one.id] = tuple(server(name, one.provider, infra) for name in one.config.servers)
        else:
            made = [need for need in one.dependencies if isinstance(specs[need], ServerOperation)]
            unknown = not made and any(done[need] is None for need in one.dependencies)
            known = {name: servers or () for name, servers in done.items()}
            done[one.id] = None if unknown else servers_for(one, specs, known) or None
    return done


@given(batches())
def test_what_is_told_is_where_they_go(operations: list[OperationSpec]) -> None:
    gone = carried_out(operations)
    told = placements(operations)
    assert set(told) == {one.id for one in operations if not isinstance(one, ServerOperation)}
    for name, placement in told.items():
        servers = gone[name]
        if servers is None or len({one.spec.infra for one in servers}) > 1:
            assert placement is None
        else:
            names = tuple(one.spec.name for one in servers)
            assert placement == Placement(servers[0].spec.infra, names)


def test_a_server_may_be_at_another_provider_than_its_operation_says() -> None:
    wanted = [
        {"name": "here", "plan": "p", "zone": "z"},
        {"name": "there", "plan": "p", "zone": "z", "provider": "other"},
    ]
    both = ServerOperation.model_validate(
        {"id": "a", "provider": "memory", "config": {"server_configs": wanted}}
    )
    told = placements([both, taskserv_operation("t", ["a"], provider="other")])
    assert told == {"t": Placement("default", ("there",))}


def test_counted_servers_stay_one_word() -> None:
    wanted = {"server_configs": [{"name": "web", "count": 1000, "plan": "p", "zone": "z"}]}
    many = ServerOperation.model_validate({"id": "a", "provider": "memory", "config": wanted})
    assert placements([many, taskserv_operation("t", ["a"])]) == {
        "t": Placement("default", ("web-{1..1000}",))
    }
