"""Several attempts at one server, at once or one after another's death: one server, and nothing beside it.

Each provider here is one of a process of its own: it shares nothing with the others but UpCloud.
"""

import asyncio
from pathlib import Path

import pytest

from activities.providers.upcloud.answers import Template
from activities.providers.upcloud.orders import Wanted, order
from activities.providers.upcloud.provider import UpCloudProvider
from tests.support.stack import eventually
from tests.support.upcloud import PACE, UpCloud
from tests.support.upcloud_server.catalogue import DEBIAN_11
from workflows.domain.errors import Conflict, Unavailable
from workflows.domain.resources import Server, ServerSpec

SPEC = ServerSpec(infra="shop", name="web-01", provider="upcloud", plan="1xCPU-2GB", zone="de-fra1")
ORDERS = {"method": "POST", "path": "/server"}
LOOKS = {"method": "GET", "path": "/server/"}
"""At one server."""


def ordered(upcloud: UpCloud) -> int:
    """How many servers were ever ordered."""
    return len(upcloud.state()["orders"])


async def held(upcloud: UpCloud, number: int = 1) -> None:
    """Waits until so many calls are kept back."""

    await eventually(lambda: bool(len(upcloud.state()["held"]) == number))


def is_the_only_one(upcloud: UpCloud, server: Server) -> None:
    (there,) = upcloud.servers()
    assert (there["uuid"], there["state"]) == (server.provider_id, "started")
    assert len(upcloud.traces()) == 2, "a storage without a server is left"


def runs(upcloud: UpCloud) -> bool:
    """Whether there is one server, and it is started."""
    return [server["state"] for server in upcloud.servers()] == ["started"]


def labels_of(upcloud: UpCloud) -> set[str]:
    (server,) = upcloud.servers()
    return {label["key"] for label in server["labels"]["label"]}


async def order_of_the_dead(upcloud: UpCloud, owner: str) -> None:
    """What is left of an attempt that was killed after it had sent its order."""
    template = Template(uuid=DEBIAN_11.uuid, title=DEBIAN_11.title, size=DEBIAN_11.size)
    wanted = Wanted(SPEC, None, template, "ssh-ed25519 AAAA", None)
    await upcloud.client().create(order(wanted, owner, "attempt-of-the-dead"))


async def test_an_attempt_that_died_before_the_answer_leaves_its_server_to_the_next(
    upcloud: UpCloud, tmp_path: Path
) -> None:
    await order_of_the_dead(upcloud, "owner-1")
    server = await upcloud.provider(tmp_path).create(SPEC, "owner-1")
    assert ordered(upcloud) == 1
    is_the_only_one(upcloud, server)


async def test_a_lost_answer_costs_no_second_server(upcloud: UpCloud, tmp_path: Path) -> None:
    provider = upcloud.provider(tmp_path)
    upcloud.fault(**ORDERS, how="lose")
    with pytest.raises(Unavailable):
        await provider.create(SPEC, "owner-1")
    server = await provider.create(SPEC, "owner-1")
    assert ordered(upcloud) == 1
    is_the_only_one(upcloud, server)


@pytest.mark.parametrize("owner", ["owner-1", "owner-2"])
async def test_an_order_that_arrives_late_gives_way(upcloud: UpCloud, tmp_path: Path, owner: str) -> None:
    upcloud.fault(**ORDERS, how="delay")
    late = asyncio.create_task(upcloud.provider(tmp_path).create(SPEC, owner))
    await held(upcloud)
    server = await upcloud.provider(tmp_path).create(SPEC, "owner-1")
    upcloud.release()
    assert await late == server
    assert ordered(upcloud) == 2
    is_the_only_one(upcloud, server)


async def test_an_order_of_the_dead_that_arrives_late_goes_with_the_next_look(
    upcloud: UpCloud, tmp_path: Path
) -> None:
    provider = upcloud.provider(tmp_path)
    for look in ("create", "delete"):
        upcloud.fault(**ORDERS, how="delay")
        late = asyncio.create_task(order_of_the_dead(upcloud, "owner-1"))
        await held(upcloud)
        server = await provider.create(SPEC, "owner-1")
        upcloud.release()
        await late
        assert await provider.find("shop", "web-01") == server
        if look == "create":
            assert await provider.create(SPEC, "owner-1") == server
            is_the_only_one(upcloud, server)
        await provider.delete(server)
        assert upcloud.traces() == []


@pytest.mark.parametrize("turn", range(4))
async def test_four_processes_at_once_make_one_server(upcloud: UpCloud, tmp_path: Path, turn: int) -> None:
    owners = ["owner-1", "owner-1", "owner-2", "owner-3"]
    # All have looked, and found nothing, before any of them orders.
    upcloud.fault(**ORDERS, how="delay", count=len(owners))
    creations = [asyncio.create_task(upcloud.provider(tmp_path).create(SPEC, owner)) for owner in owners]
    await held(upcloud, len(owners))
    upcloud.release()
    servers = await asyncio.gather(*creations)
    assert all(server == servers[0] for server in servers)
    assert ordered(upcloud) == len(owners)
    is_the_only_one(upcloud, servers[0])


async def test_one_that_turns_up_late_and_is_older_counts(upcloud: UpCloud, tmp_path: Path) -> None:
    # It has its server, and waits for others that might come before it.
    patient = upcloud.provider(tmp_path, PACE._replace(settle=2.0))
    creation = asyncio.create_task(patient.create(SPEC, "owner-1"))
    await eventually(lambda: runs(upcloud))
    # However long the other order takes, the next look at the server comes after it.
    upcloud.fault(**LOOKS, how="delay")
    upcloud.change(delay=60)
    await order_of_the_dead(upcloud, "owner-2")
    upcloud.release()
    server = await creation
    assert server.owner == "owner-2"
    is_the_only_one(upcloud, server)


async def test_a_rival_with_another_plan_is_told_and_leaves_nothing(upcloud: UpCloud, tmp_path: Path) -> None:
    other = SPEC.model_copy(update={"plan": "2xCPU-4GB"})
    upcloud.fault(**ORDERS, how="delay")
    late = asyncio.create_task(upcloud.provider(tmp_path).create(other, "owner-2"))
    await held(upcloud)
    server = await upcloud.provider(tmp_path).create(SPEC, "owner-1")
    upcloud.release()
    with pytest.raises(Conflict, match=r"exists with plan 1xCPU-2GB in zone de-fra1, not 2xCPU-4GB"):
        await late
    is_the_only_one(upcloud, server)


async def test_one_that_lost_and_died_can_still_be_abandoned(upcloud: UpCloud, tmp_path: Path) -> None:
    provider = upcloud.provider(tmp_path)
    server = await provider.create(SPEC, "owner-2")
    await order_of_the_dead(upcloud, "owner-1")
    assert await provider.create(SPEC, "owner-2") == server
    assert len(upcloud.servers()) == 2, "what another owner has ordered is not ours to remove"
    await provider.abandon(SPEC, "owner-1")
    is_the_only_one(upcloud, server)
    await provider.abandon(SPEC, "owner-1")
    is_the_only_one(upcloud, server)


@pytest.mark.parametrize("how", ["hold", "delay", "lose"])
async def test_a_cancelled_order_leaves_nothing_whenever_it_arrives(
    upcloud: UpCloud, tmp_path: Path, how: str
) -> None:
    upcloud.fault(**ORDERS, how=how)
    creation = asyncio.create_task(upcloud.provider(tmp_path).create(SPEC, "owner-1"))
    if how == "lose":
        await eventually(lambda: ordered(upcloud) == 1)
    else:
        await held(upcloud)
    creation.cancel()
    upcloud.release()
    with pytest.raises((asyncio.CancelledError, Unavailable)):
        await creation
    assert ordered(upcloud) == 1
    if creation.cancelled():
        assert upcloud.traces() == []


async def test_an_attempt_that_was_given_up_leaves_what_the_next_has_taken_over(
    upcloud: UpCloud, tmp_path: Path
) -> None:
    # It has its server, and waits for others that might come before it.
    patient = upcloud.provider(tmp_path, PACE._replace(settle=30.0))
    given_up = asyncio.create_task(patient.create(SPEC, "owner-1"))
    await eventually(lambda: runs(upcloud))
    server = await upcloud.provider(tmp_path).create(SPEC, "owner-1")
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert ordered(upcloud) == 1
    is_the_only_one(upcloud, server)


@pytest.mark.parametrize("last", ["takes over", "takes back"])
async def test_where_one_takes_over_what_another_takes_back_the_last_word_holds_for_both(
    upcloud: UpCloud, tmp_path: Path, last: str
) -> None:
    # The first word's author waits for longer than the last word takes.
    patient = upcloud.provider(tmp_path, PACE._replace(settle=6.0 if last == "takes over" else 3.0))
    given_up = asyncio.create_task(patient.create(SPEC, "owner-1"))
    await eventually(lambda: runs(upcloud))
    (server,) = upcloud.servers()
    upcloud.fault(method="PUT", path="/server", how="delay")
    following = upcloud.provider(tmp_path, PACE._replace(settle=0.12 if last == "takes over" else 3.0))
    if last == "takes over":
        taking_over = asyncio.create_task(following.create(SPEC, "owner-1"))
        await held(upcloud)
        given_up.cancel()
        await eventually(lambda: "provisioning-withdrawn" in labels_of(upcloud))
    else:
        given_up.cancel()
        await held(upcloud)
        taking_over = asyncio.create_task(following.create(SPEC, "owner-1"))
        await eventually(lambda: "provisioning-attempt" not in labels_of(upcloud))
    upcloud.release()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    made = await taking_over
    assert (made.provider_id == server["uuid"]) is (last == "takes over")
    is_the_only_one(upcloud, made)


async def test_a_server_that_goes_away_while_it_comes_up_is_made_again(
    upcloud: UpCloud, tmp_path: Path
) -> None:
    upcloud.fault(**LOOKS, how="delay")
    first = asyncio.create_task(upcloud.provider(tmp_path).create(SPEC, "owner-1"))
    await held(upcloud)
    assert ordered(upcloud) == 1
    other: UpCloudProvider = upcloud.provider(tmp_path)
    found = await other.find("shop", "web-01")
    assert found is not None
    await other.delete(found)
    upcloud.release()
    server = await first
    assert server.provider_id != found.provider_id
    is_the_only_one(upcloud, server)
