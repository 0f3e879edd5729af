"""Attempts at a server that lose answers, die, are cancelled or run at once: one server comes of them."""

import asyncio
from collections.abc import Sequence

import pytest

from activities.providers.aws.provider import AwsProvider
from tests.support.aws_proxy import THROTTLED, TRIES, Answer, AwsProxy, Call
from tests.support.moto import OTHER_PLAN, PLAN, MotoServer, a_server
from tests.support.stack import eventually
from workflows.domain.errors import Conflict, Unavailable
from workflows.domain.resources import Server, ServerSpec


async def test_an_answer_that_is_lost_does_not_make_a_second_server(
    moto: MotoServer, proxy: AwsProxy, proxied_provider: AwsProvider
) -> None:
    proxy.lose_answer("RunInstances", TRIES)
    with pytest.raises(Unavailable):
        await proxied_provider.create(a_server(), "owner-1")
    (made,) = moto.ids()
    server = await proxied_provider.create(a_server(), "owner-1")
    assert (server.provider_id, server.owner, moto.ids()) == (made, "owner-1", [made])
    assert proxy.counts["RunInstances"] == TRIES, "the second attempt found the server by its tags"


async def test_a_server_that_is_not_shown_yet_is_not_made_twice(
    moto: MotoServer, proxy: AwsProxy, proxied_provider: AwsProvider
) -> None:
    proxy.lose_answer("RunInstances", TRIES)
    with pytest.raises(Unavailable):
        await proxied_provider.create(a_server(), "owner-1")
    proxy.hide_instances(3)
    server = await proxied_provider.create(a_server(), "owner-1")
    assert moto.ids() == [server.provider_id]
    assert proxy.counts["RunInstances"] == TRIES + 1, "the same token gives the same instance"


async def test_other_parameters_under_the_same_token_are_a_reason_to_look_again(
    moto: MotoServer, proxy: AwsProxy, proxied_provider: AwsProvider
) -> None:
    proxy.lose_answer("RunInstances", TRIES)
    with pytest.raises(Unavailable):
        await proxied_provider.create(a_server(), "owner-1")
    proxy.hide_instances(1)
    with pytest.raises(Unavailable, match="IdempotentParameterMismatch"):
        await proxied_provider.create(a_server(labels={"now": "other"}), "owner-1")
    assert len(moto.ids()) == 1


@pytest.mark.parametrize("shown", [True, False])
async def test_a_server_that_was_terminated_is_made_anew_for_the_same_owner(
    moto: MotoServer, proxy: AwsProxy, proxied_provider: AwsProvider, shown: bool
) -> None:
    first = await proxied_provider.create(a_server(), "owner-1")
    moto.ec2().terminate_instances(InstanceIds=[first.provider_id])
    if not shown:  # as an hour later
        proxy.hide_instances(1)
    second = await proxied_provider.create(a_server(), "owner-1")
    assert second.provider_id != first.provider_id
    assert moto.ids() == [second.provider_id]
    assert proxy.counts["RunInstances"] == (2 if shown else 3)


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("action", ["RunInstances", "CreateSecurityGroup", "ImportKeyPair"])
async def test_a_creation_that_is_cancelled_in_the_middle_of_a_call_leaves_nothing(
    proxy: AwsProxy, proxied_provider: AwsProvider, action: str, shown: bool
) -> None:
    moto = proxy.moto
    for pair in moto.ec2().describe_key_pairs()["KeyPairs"]:
        moto.ec2().delete_key_pair(KeyName=pair["KeyName"])
    held = proxy.hold(action)
    creation = asyncio.create_task(proxied_provider.create(a_server(), "owner-1"))
    await held.arrived.wait()
    creation.cancel()
    await asyncio.sleep(0)
    creation.cancel()  # whoever stops the worker has no patience
    proxy.hide_instances(0 if shown else 1)
    held.let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await creation
    assert moto.traces() == []


async def test_a_creation_that_is_cancelled_while_it_waits_leaves_nothing(
    moto: MotoServer, proxy: AwsProxy, proxied_provider: AwsProvider
) -> None:
    proxy.next("DescribeInstances", proxy.forward)
    proxy.hide_instances(1)
    held = proxy.hold("DescribeInstances")
    proxy.hide_instances(1)  # what takes back knows it all the same
    creation = asyncio.create_task(proxied_provider.create(a_server(), "owner-1"))
    await held.arrived.wait()
    assert len(moto.ids()) == 1
    creation.cancel()
    held.let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await creation
    assert moto.traces() == []


async def at_once(
    proxy: AwsProxy, workers: Sequence[AwsProvider], *wanted: tuple[ServerSpec, str]
) -> list[Server | BaseException]:
    """What each worker has of its wish, where all launch at the same moment."""
    proxy.knows_tokens = False
    proxy.together("RunInstances", len(wanted))
    creations = (worker.create(*wish) for worker, wish in zip(workers, wanted, strict=False))
    results = await asyncio.gather(*creations, return_exceptions=True)
    assert proxy.counts["RunInstances"] == len(wanted)
    return results


@pytest.mark.parametrize("owners", [("owner-1", "owner-1"), ("owner-1", "owner-2"), ("a", "b", "c", "a")])
async def test_workers_that_launch_the_same_server_at_once_end_with_one(
    proxy: AwsProxy, proxied_workers: Sequence[AwsProvider], owners: tuple[str, ...]
) -> None:
    results = await at_once(proxy, proxied_workers, *((a_server(), owner) for owner in owners))
    (left,) = proxy.moto.instances()
    for result in results:
        assert isinstance(result, Server), result
        assert result == results[0]
        assert result.provider_id == left["InstanceId"]


async def test_workers_with_different_plans_for_one_name_end_with_one_server(
    proxy: AwsProxy, proxied_workers: Sequence[AwsProvider]
) -> None:
    results = await at_once(
        proxy, proxied_workers, (a_server(plan=PLAN), "owner-1"), (a_server(plan=OTHER_PLAN), "owner-2")
    )
    (server,) = (result for result in results if isinstance(result, Server))
    (conflict,) = (result for result in results if isinstance(result, Conflict))
    assert f"exists with plan {server.spec.plan}" in conflict.message
    assert proxy.moto.ids() == [server.provider_id]


async def test_who_launches_late_takes_the_server_that_was_handed_out(
    proxy: AwsProxy, proxied_workers: Sequence[AwsProvider]
) -> None:
    proxy.knows_tokens = False
    go = asyncio.Event()

    async def late(call: Call) -> Answer:
        await go.wait()
        return await proxy.forward(call)

    proxy.next("RunInstances", late)
    slow = asyncio.create_task(proxied_workers[0].create(a_server(), "owner-2"))
    await eventually(lambda: proxy.counts["RunInstances"] == 1)
    first = await proxied_workers[1].create(a_server(), "owner-1")
    go.set()
    assert await slow == first
    assert proxy.moto.ids() == [first.provider_id]


async def test_an_attempt_that_was_given_up_leaves_what_the_next_has_taken_over(
    proxy: AwsProxy, proxied_workers: Sequence[AwsProvider]
) -> None:
    # Its worker stands still for so long that it is taken for dead.
    proxy.next("DescribeInstances", proxy.forward)
    held = proxy.hold("DescribeInstances")
    given_up = asyncio.create_task(proxied_workers[0].create(a_server(), "owner-1"))
    await held.arrived.wait()
    server = await proxied_workers[1].create(a_server(), "owner-1")
    given_up.cancel()
    held.let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert proxy.moto.ids() == [server.provider_id]
    assert await proxied_workers[1].find("shop", "web-01") == server


async def test_an_attempt_that_lost_and_died_is_cleared_up_without_harm_to_the_winner(
    moto: MotoServer, proxy: AwsProxy, proxied_provider: AwsProvider, aws_provider: AwsProvider
) -> None:
    winner = await aws_provider.create(a_server(), "owner-1")
    proxy.hide_instances(1)
    # What follows the launch is lost, as if the worker had been killed.
    proxy.fail("DescribeInstances", THROTTLED, TRIES)
    with pytest.raises(Unavailable):
        await proxied_provider.create(a_server(), "owner-2")
    assert len(moto.ids()) == 2
    await proxied_provider.abandon(a_server(), "owner-2")
    assert moto.ids() == [winner.provider_id]
    assert await aws_provider.find("shop", "web-01") == winner
    await aws_provider.delete(winner)
    assert moto.traces() == []
